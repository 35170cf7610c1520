/* What the parts of the engine share. */

#ifndef LM_PARTS_H
#define LM_PARTS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "srtp.h"
#include "tones.h"

#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL
#define FRAME_NS (20 * NS_PER_MS)

/* ---- sound */

struct voice {
    uint8_t *opus; /* code 3 packets with room for a stamp in their padding (RFC 6716 section 3.2.5) */
    uint32_t *opus_at; /* frames + 1 offsets into it */
    uint8_t *law[2][2]; /* PCMU, PCMA; the best code whose least bit is 0, or 1 */
};

/* Index in lm_sound.voice of what is said by tones, where the frames of all symbols follow each other. */
enum { BY_TONES = 2 };

struct lm_sound {
    uint32_t frames;
    struct voice voice[3];
};

/* G.711 to 16 bit. */
void lm_law_decode(int codec, const uint8_t *codes, int count, int16_t *samples);
/* Finds the 20 octets where a stamp would be; 0 when the payload has no such place. */
int lm_stamp_place(int codec, const uint8_t *payload, int length, uint8_t *stamp);

/* ---- stamps */

struct stamp {
    uint32_t call;
    uint8_t party;
    uint32_t number;
    uint32_t sent_us; /* CLOCK_MONOTONIC, modulo 2^32 */
};

void lm_stamp_write(const struct stamp *stamp, uint8_t *octets);
int lm_stamp_read(const uint8_t *octets, struct stamp *stamp);

/* ---- reception */

#define WINDOW 512
#define MOST_SOURCES 4

/* One SSRC that was heard. Sequence numbers and timestamps are extended to 64 bit. */
struct source {
    uint32_t ssrc;
    int used;
    uint64_t heard; /* order of last use */
    int64_t base, highest;
    int64_t unique;
    uint64_t came[WINDOW / 64], played[WINDOW / 64];
    uint64_t run, longest;
    int has_bad;
    uint16_t bad;
    int has_clock;
    uint32_t last_timestamp;
    int64_t timestamp;
    double transit; /* of the last packet, in units of its clock */
    double anchor;
    uint32_t clock_hz;
    uint32_t late_in_row;
    double jitter; /* in units of its clock */
    double jitter_max;
    int64_t expected_prior, unique_prior;
};

struct press {
    int code;
    uint32_t timestamp;
    uint32_t before, duration;
    int ended;
    int at; /* in reception.digit; -1: there was no room */
};

struct reception {
    struct source source[MOST_SOURCES];
    int current; /* index of the source heard last, -1: none */
    uint64_t turn;
    /* What sources that are gone, or whose numbers began anew, had. */
    int64_t gone_expected, gone_unique;
    uint64_t gone_longest;
    double gone_jitter_max_ms;
    uint64_t received, late, duplicated, reordered, clock_jumps;
    uint64_t malformed, undecryptable, elsewhere, other_payload, unstamped;
    uint32_t sources;
    int64_t first_ns, last_ns;
    int stamps;
    struct {
        lm_stamp_count count;
        uint32_t lowest, highest;
        double delay_sum_ms;
    } stamp[LM_MOST_STAMPS];
    int digits;
    lm_digit digit[LM_MOST_DIGITS];
    struct press press[4];
    int presses;
};

struct packet_facts {
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    int marker;
    uint32_t clock_hz; /* 0: tells nothing about time (an event, an unknown payload) */
    int64_t arrival_ns;
};

void lm_reception_init(struct reception *heard);
/* 1: new; 0: duplicate, or too far off to be placed. */
int lm_reception_take(struct reception *heard, const struct packet_facts *facts, double buffer_ms);
/* The codec, or its clock, changed: what comes now has another timing. */
void lm_reception_retime(struct reception *heard);
/* 1: it is the first of its call and party. */
int lm_reception_stamp(struct reception *heard, const struct stamp *stamp, int64_t arrival_ns);
/* Calls on_press for each key that begins. */
void lm_reception_event(struct reception *heard, const struct packet_facts *facts, const uint8_t *payload, int length,
                        void (*on_press)(void *context, char key), void *context);
void lm_reception_report(const struct reception *heard, lm_report *report);

/* ---- sound that is kept */

struct kept;
void lm_kept_take(struct kept *kept, uint32_t timestamp, const uint8_t *payload, int length);

/* ---- streams */

#define MOST_WAITING_DIGITS 64
#define DIGIT_ENDS 3

enum state { OPENED, STARTED, CLOSED };

struct far {
    uint64_t reports;
    double lost_share;
    int32_t lost;
    double jitter_ms, round_trip_ms;
};

struct lm_stream {
    pthread_mutex_t lock;
    lm_engine *engine;
    uint32_t number;
    enum state state;
    int slot;
    int rtp, rtcp; /* sockets */
    uint16_t port;
    lm_settings settings;
    struct sockaddr_in remote, remote_rtcp;
    int multiplexed;
    srtp *sender, *receiver; /* NULL: plain RTP */

    uint32_t ssrc;
    uint16_t sequence;
    uint32_t stamp_number;
    int has_round;
    int64_t round; /* of the last packet, or of the last start */
    uint32_t timestamp; /* at that round */
    int paused, mark;
    int speaks; /* whatever its settings say of tones */
    uint32_t last_octets;
    uint64_t sent, sent_octets, send_failed, skipped;

    uint8_t waiting[MOST_WAITING_DIGITS];
    uint32_t waiting_count;
    uint32_t tone_ms, gap_ms;
    int pressing; /* event code, -1: none */
    uint32_t press_timestamp, press_ms;
    int press_ends;
    uint32_t gap_left_ms;
    uint64_t sent_digits;

    struct reception heard;
    struct kept *kept; /* NULL: nothing is */
    uint8_t word[WORD_SYMBOLS], expected[WORD_SYMBOLS]; /* its own, and that of the call's other party */
    struct listener *listener; /* NULL: nothing without a stamp has come */
    uint32_t dropped; /* the kernel's count so far */
    uint64_t receive_drops;

    int64_t next_rtcp_ns;
    uint32_t heard_report; /* middle of the NTP time of the far end's last sender report */
    int64_t heard_report_ns;
    struct far far;
};

/* What a slot of the wheel did. */
#define LATENESS_STEPS 256
#define LATENESS_STEP_NS 100000LL
struct tally {
    uint64_t sent, received, late, skipped, send_failed, receive_drops;
    int64_t late_max_ns;
    uint32_t lateness[LATENESS_STEPS]; /* in steps of 0.1 ms; the last holds all beyond */
};

int lm_stream_init(lm_stream *stream, struct in_addr address, uint16_t port);
void lm_stream_free(lm_stream *stream);
void lm_stream_serve(lm_stream *stream, int64_t round, int64_t due_ns, struct tally *tally);
void lm_stream_drain(lm_stream *stream, struct tally *tally);
/* With the stream's lock held. */
void lm_stream_take(lm_stream *stream, uint8_t *packet, int length, int64_t arrival_ns, const struct sockaddr_in *from);

/* ---- RTCP */

int lm_rtcp_write(lm_stream *stream, int64_t now_ns, uint8_t *packet);
void lm_rtcp_read(lm_stream *stream, uint8_t *packet, int length, int64_t arrival_ns);

/* ---- engine */

void lm_engine_event(lm_engine *engine, const lm_event *event);
uint32_t lm_random(lm_engine *engine);

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static inline uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
    put16(at, (uint16_t)(value >> 16));
    put16(at + 2, (uint16_t)value);
}

#endif
