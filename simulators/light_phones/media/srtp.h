/* One direction of an SRTP stream and of its SRTCP. */

#ifndef LM_SRTP_H
#define LM_SRTP_H

#include <stdint.h>

enum { SRTP_TAG = 10, SRTP_REFUSED = -1, SRTP_REPLAYED = -2 };

typedef struct srtp srtp;

/* 16 octets of master key, 14 of master salt. NULL: out of memory. */
srtp *lm_srtp_new(const uint8_t *key_and_salt);
void lm_srtp_free(srtp *session);
/* In place; return the new length, negative when it could not be done. A protected packet is up to 14 octets longer. */
int lm_srtp_protect(srtp *session, uint8_t *packet, int length);
int lm_srtp_unprotect(srtp *session, uint8_t *packet, int length);
int lm_srtp_protect_rtcp(srtp *session, uint8_t *packet, int length);
int lm_srtp_unprotect_rtcp(srtp *session, uint8_t *packet, int length);

#endif
