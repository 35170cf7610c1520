/* SRTP and SRTCP with AES_CM_128_HMAC_SHA1_80 (RFC 3711), the one suite that SDES has to have (RFC 4568).
 *
 * Not libsrtp: Debian's is built on NSS, which with a thousand calls takes ten times what the network does. AES and
 * SHA-1 are OpenSSL's.
 */

#define OPENSSL_API_COMPAT 0x10100000L
#define OPENSSL_SUPPRESS_DEPRECATED

#include "parts.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

enum { KEY = 16, SALT = 14, AUTH = 20, BLOCK = 64, RTP_HEADER = 12, RTCP_HEADER = 8, INDEX = 4 };
enum { REPLAY = 64, MOST_SSRCS = 4 };
enum { RTP_LABELS = 0, RTCP_LABELS = 3 };

/* Keys of one session, RTP's or RTCP's: SHA-1 has taken in HMAC's two pads already. */
struct keys {
    EVP_CIPHER_CTX *cipher;
    uint8_t salt[SALT];
    SHA_CTX inner, outer;
};

/* Where the packet index of a source is (section 3.3.1), and which of the last 64 came. */
struct place {
    uint32_t ssrc;
    int used;
    uint64_t turn;
    uint64_t highest;
    uint64_t came;
};

struct srtp {
    struct keys rtp, rtcp;
    struct place places[MOST_SSRCS]; /* a sender needs the first only */
    uint64_t turn;
    uint32_t rtcp_index;
};

static int encipher(EVP_CIPHER_CTX *cipher, const uint8_t *counter, uint8_t *octets, int length)
{
    int written;
    return EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, counter) == 1 &&
           EVP_EncryptUpdate(cipher, octets, &written, octets, length) == 1;
}

/* Section 4.3, with a key derivation rate of 0. */
static int derive(EVP_CIPHER_CTX *master, const uint8_t *salt, int label, uint8_t *key, int length)
{
    uint8_t counter[16] = {0};
    memcpy(counter, salt, SALT);
    counter[7] ^= (uint8_t)label;
    memset(key, 0, (size_t)length);
    return encipher(master, counter, key, length);
}

static int make_keys(struct keys *keys, EVP_CIPHER_CTX *master, const uint8_t *salt, int labels)
{
    uint8_t key[KEY], auth[AUTH], pad[BLOCK];
    keys->cipher = EVP_CIPHER_CTX_new();
    int made = keys->cipher != NULL && derive(master, salt, labels, key, KEY) &&
               derive(master, salt, labels + 1, auth, AUTH) && derive(master, salt, labels + 2, keys->salt, SALT) &&
               EVP_EncryptInit_ex(keys->cipher, EVP_aes_128_ctr(), NULL, key, NULL) == 1;
    if (made) {
        memset(pad, 0x36, BLOCK);
        for (int at = 0; at < AUTH; at++)
            pad[at] ^= auth[at];
        SHA1_Init(&keys->inner);
        SHA1_Update(&keys->inner, pad, BLOCK);
        memset(pad, 0x5C, BLOCK);
        for (int at = 0; at < AUTH; at++)
            pad[at] ^= auth[at];
        SHA1_Init(&keys->outer);
        SHA1_Update(&keys->outer, pad, BLOCK);
    }
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(auth, sizeof auth);
    OPENSSL_cleanse(pad, sizeof pad);
    return made;
}

srtp *lm_srtp_new(const uint8_t *key_and_salt)
{
    srtp *session = calloc(1, sizeof *session);
    EVP_CIPHER_CTX *master = EVP_CIPHER_CTX_new();
    const uint8_t *salt = key_and_salt + KEY;
    int made = session != NULL && master != NULL &&
               EVP_EncryptInit_ex(master, EVP_aes_128_ctr(), NULL, key_and_salt, NULL) == 1 &&
               make_keys(&session->rtp, master, salt, RTP_LABELS) && make_keys(&session->rtcp, master, salt, RTCP_LABELS);
    EVP_CIPHER_CTX_free(master);
    if (!made) {
        lm_srtp_free(session);
        return NULL;
    }
    return session;
}

void lm_srtp_free(srtp *session)
{
    if (session == NULL)
        return;
    EVP_CIPHER_CTX_free(session->rtp.cipher);
    EVP_CIPHER_CTX_free(session->rtcp.cipher);
    OPENSSL_cleanse(session, sizeof *session);
    free(session);
}

/* HMAC-SHA1 of a packet and what follows it. */
static void authenticate(const struct keys *keys, const uint8_t *packet, int length, const uint8_t *more, int more_length,
                         uint8_t *tag)
{
    SHA_CTX sum = keys->inner;
    SHA1_Update(&sum, packet, (size_t)length);
    SHA1_Update(&sum, more, (size_t)more_length);
    SHA1_Final(tag, &sum);
    sum = keys->outer;
    SHA1_Update(&sum, tag, SHA_DIGEST_LENGTH);
    SHA1_Final(tag, &sum);
}

/* Section 4.1.1. */
static int crypt_packet(struct keys *keys, uint32_t ssrc, uint64_t index, uint8_t *octets, int length)
{
    uint8_t counter[16] = {0}, own[4];
    memcpy(counter, keys->salt, SALT);
    put32(own, ssrc);
    for (int at = 0; at < 4; at++)
        counter[4 + at] ^= own[at];
    for (int at = 0; at < 6; at++)
        counter[8 + at] ^= (uint8_t)(index >> (40 - 8 * at));
    return length == 0 || encipher(keys->cipher, counter, octets, length);
}

/* Where the encrypted part of an RTP packet begins: after the header, its CSRCs and extension; -1: it is none. */
static int head_of(const uint8_t *packet, int length)
{
    int head = RTP_HEADER;
    if (length < head)
        return -1;
    head += (packet[0] & 0x0F) * 4;
    if (packet[0] & 0x10) {
        if (head + 4 > length)
            return -1;
        head += 4 + (packet[head + 2] << 8 | packet[head + 3]) * 4;
    }
    return head <= length ? head : -1;
}

/* Appendix A: the index nearest to the highest so far. */
static uint64_t index_of(const struct place *place, uint16_t sequence)
{
    if (!place->used)
        return sequence;
    int64_t nearest = (int64_t)(place->highest & ~0xFFFFULL) + sequence, ahead = nearest - (int64_t)place->highest;
    if (ahead > 0x8000 && nearest >= 0x10000)
        nearest -= 0x10000;
    else if (ahead < -0x8000)
        nearest += 0x10000;
    return (uint64_t)nearest;
}

int lm_srtp_protect(srtp *session, uint8_t *packet, int length)
{
    int head = head_of(packet, length);
    if (head < 0)
        return -1;
    struct place *place = &session->places[0];
    uint64_t index = index_of(place, (uint16_t)(packet[2] << 8 | packet[3]));
    if (!place->used || index > place->highest)
        place->highest = index;
    place->used = 1;
    if (!crypt_packet(&session->rtp, get32(packet + 8), index, packet + head, length - head))
        return -1;
    uint8_t rollover[4], tag[SHA_DIGEST_LENGTH];
    put32(rollover, (uint32_t)(index >> 16));
    authenticate(&session->rtp, packet, length, rollover, sizeof rollover, tag);
    memcpy(packet + length, tag, SRTP_TAG);
    return length + SRTP_TAG;
}

static struct place *place_of(srtp *session, uint32_t ssrc)
{
    struct place *chosen = &session->places[0];
    for (int at = 0; at < MOST_SSRCS; at++) {
        struct place *place = &session->places[at];
        if (place->used && place->ssrc == ssrc)
            return place;
        if (chosen->used && (!place->used || place->turn < chosen->turn))
            chosen = place;
    }
    return chosen;
}

int lm_srtp_unprotect(srtp *session, uint8_t *packet, int length)
{
    int body = length - SRTP_TAG, head = head_of(packet, body);
    if (head < 0)
        return SRTP_REFUSED;
    uint32_t ssrc = get32(packet + 8);
    struct place *place = place_of(session, ssrc), fresh = {.ssrc = ssrc};
    if (place->used && place->ssrc == ssrc)
        fresh = *place;
    uint64_t index = index_of(&fresh, (uint16_t)(packet[2] << 8 | packet[3]));
    uint8_t rollover[4], tag[SHA_DIGEST_LENGTH];
    put32(rollover, (uint32_t)(index >> 16));
    authenticate(&session->rtp, packet, body, rollover, sizeof rollover, tag);
    if (CRYPTO_memcmp(tag, packet + body, SRTP_TAG) != 0)
        return SRTP_REFUSED;
    /* Only now it is known to be the sender's, and may change what is kept (section 3.3). */
    if (fresh.used && index <= fresh.highest) {
        uint64_t back = fresh.highest - index;
        if (back >= REPLAY || fresh.came >> back & 1)
            return SRTP_REPLAYED;
        fresh.came |= 1ULL << back;
    } else {
        uint64_t ahead = fresh.used ? index - fresh.highest : REPLAY;
        fresh.came = (ahead < REPLAY ? fresh.came << ahead : 0) | 1;
        fresh.highest = index;
    }
    fresh.used = 1;
    fresh.turn = ++session->turn;
    *place = fresh;
    return crypt_packet(&session->rtp, ssrc, index, packet + head, body - head) ? body : SRTP_REFUSED;
}

int lm_srtp_protect_rtcp(srtp *session, uint8_t *packet, int length)
{
    if (length < RTCP_HEADER)
        return -1;
    uint32_t index = ++session->rtcp_index & 0x7FFFFFFF;
    if (!crypt_packet(&session->rtcp, get32(packet + 4), index, packet + RTCP_HEADER, length - RTCP_HEADER))
        return -1;
    uint8_t tag[SHA_DIGEST_LENGTH];
    put32(packet + length, 0x80000000 | index);
    authenticate(&session->rtcp, packet, length, packet + length, INDEX, tag);
    memcpy(packet + length + INDEX, tag, SRTP_TAG);
    return length + INDEX + SRTP_TAG;
}

int lm_srtp_unprotect_rtcp(srtp *session, uint8_t *packet, int length)
{
    int body = length - SRTP_TAG - INDEX;
    if (body < RTCP_HEADER)
        return SRTP_REFUSED;
    uint8_t tag[SHA_DIGEST_LENGTH];
    authenticate(&session->rtcp, packet, body, packet + body, INDEX, tag);
    if (CRYPTO_memcmp(tag, packet + body + INDEX, SRTP_TAG) != 0)
        return SRTP_REFUSED;
    uint32_t last = get32(packet + body), index = last & 0x7FFFFFFF;
    /* Reports are seconds apart: one that was overtaken is not missed. */
    if (index <= session->rtcp_index)
        return SRTP_REPLAYED;
    session->rtcp_index = index;
    if (last >> 31 && !crypt_packet(&session->rtcp, get32(packet + 4), index, packet + RTCP_HEADER, body - RTCP_HEADER))
        return SRTP_REFUSED;
    return body;
}
