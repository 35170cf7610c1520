/* What a stream heard: RFC 3550's figures by source, a jitter buffer of fixed depth, stamps, key presses. */

#include "parts.h"

/* RFC 3550 appendix A.1: a jump of less is loss, of more a sender that began anew (if the next packet agrees). */
enum { MOST_DROPOUT = 3000 };
/* So many late ones in a row, and a jitter buffer gives its delay up for a new one. */
enum { LATE_RESTART = 10 };
/* A timestamp this far (s) from where arrival times put it begins a new timeline of the same source. */
static const double CLOCK_JUMP_S = 1.0;
static const char KEYS[] = "0123456789*#ABCD";

static int bit_of(const uint64_t *window, int64_t number)
{
    return window[number % WINDOW / 64] >> (number % 64) & 1;
}

static void set_bit(uint64_t *window, int64_t number)
{
    window[number % WINDOW / 64] |= 1ULL << (number % 64);
}

static void clear_bit(uint64_t *window, int64_t number)
{
    window[number % WINDOW / 64] &= ~(1ULL << (number % 64));
}

void lm_reception_init(struct reception *heard)
{
    memset(heard, 0, sizeof *heard);
    heard->current = -1;
}

/* A number leaves the window: whether it was played is settled. */
static void settle(struct source *source, int64_t number)
{
    if (bit_of(source->played, number))
        source->run = 0;
    else if (++source->run > source->longest)
        source->longest = source->run;
}

static int64_t expected_of(const struct source *source)
{
    return source->used ? source->highest - source->base + 1 : 0;
}

static uint64_t burst_of(struct source source)
{
    int64_t first = source.highest - WINDOW + 1;
    for (int64_t number = first < source.base ? source.base : first; number <= source.highest; number++)
        settle(&source, number);
    return source.longest;
}

static double in_ms(double units, uint32_t clock_hz)
{
    return clock_hz ? units * 1000.0 / clock_hz : 0.0;
}

static void conclude(struct reception *heard, struct source *source)
{
    if (!source->used)
        return;
    uint64_t burst = burst_of(*source);
    double jitter = in_ms(source->jitter_max, source->clock_hz);
    heard->gone_expected += expected_of(source);
    heard->gone_unique += source->unique;
    if (burst > heard->gone_longest)
        heard->gone_longest = burst;
    if (jitter > heard->gone_jitter_max_ms)
        heard->gone_jitter_max_ms = jitter;
    source->used = 0;
}

static void begin(struct source *source, const struct packet_facts *facts)
{
    memset(source, 0, sizeof *source);
    source->ssrc = facts->ssrc;
    source->used = 1;
    /* Far enough above zero that a predecessor which was overtaken has a number as well. */
    source->base = facts->sequence + (1LL << 32);
    source->highest = source->base - 1;
}

static struct source *source_of(struct reception *heard, const struct packet_facts *facts)
{
    int chosen = 0;
    for (int at = 0; at < MOST_SOURCES; at++) {
        struct source *source = &heard->source[at];
        if (source->used && source->ssrc == facts->ssrc) {
            heard->current = at;
            return source;
        }
        /* The place for a new one: a free one, or that of the one that has been silent for longest. */
        if (heard->source[chosen].used && (!source->used || source->heard < heard->source[chosen].heard))
            chosen = at;
    }
    conclude(heard, &heard->source[chosen]);
    begin(&heard->source[chosen], facts);
    heard->sources++;
    heard->current = chosen;
    return &heard->source[chosen];
}

/* Where a packet is in the sequence; returns 0 when it is not to be counted. */
static int place(struct reception *heard, struct source *source, const struct packet_facts *facts, int64_t *number)
{
    uint16_t ahead = (uint16_t)(facts->sequence - (uint16_t)source->highest);
    if (ahead != 0 && ahead < MOST_DROPOUT) {
        *number = source->highest + ahead;
        source->has_bad = 0;
        return 1;
    }
    if (ahead == 0 || ahead > 65536 - WINDOW) {
        *number = source->highest - (uint16_t)(0 - ahead);
        /* What was sent before the first that came is no part of what was expected (RFC 3550 appendix A.3 neither). */
        return *number >= source->base;
    }
    if (!source->has_bad || facts->sequence != source->bad) {
        source->has_bad = 1;
        source->bad = (uint16_t)(facts->sequence + 1);
        return 0;
    }
    uint64_t turn = source->heard;
    conclude(heard, source);
    begin(source, facts);
    source->heard = turn;
    *number = source->base;
    return 1;
}

/* Whether a packet is in time for the jitter buffer; keeps RFC 3550's jitter on the way. */
static int in_time(struct reception *heard, struct source *source, const struct packet_facts *facts, double buffer_ms)
{
    double hz = facts->clock_hz, arrival = (double)facts->arrival_ns * (hz / 1e9);
    if (!source->has_clock || source->clock_hz != facts->clock_hz) {
        source->has_clock = 1;
        source->clock_hz = facts->clock_hz;
        source->timestamp = facts->timestamp;
        source->last_timestamp = facts->timestamp;
        source->transit = source->anchor = arrival - (double)source->timestamp;
        source->late_in_row = 0;
        return 1;
    }
    source->timestamp += (int32_t)(facts->timestamp - source->last_timestamp);
    source->last_timestamp = facts->timestamp;
    double transit = arrival - (double)source->timestamp, change = transit - source->transit;
    source->transit = transit;
    if (change < 0)
        change = -change;
    if (change > CLOCK_JUMP_S * hz) {
        heard->clock_jumps++;
        source->anchor = transit;
        source->late_in_row = 0;
        return 1;
    }
    source->jitter += (change - source->jitter) / 16.0;
    if (source->jitter > source->jitter_max)
        source->jitter_max = source->jitter;
    /* A talkspurt begins (RFC 3551 section 4.1): there a buffer takes its delay anew. */
    if (facts->marker)
        source->anchor = transit;
    if (transit - source->anchor <= buffer_ms * hz / 1000.0) {
        source->late_in_row = 0;
        return 1;
    }
    if (++source->late_in_row >= LATE_RESTART) {
        source->anchor = transit;
        source->late_in_row = 0;
    }
    return 0;
}

int lm_reception_take(struct reception *heard, const struct packet_facts *facts, double buffer_ms)
{
    heard->received++;
    if (heard->first_ns == 0)
        heard->first_ns = facts->arrival_ns;
    if (facts->arrival_ns > heard->last_ns)
        heard->last_ns = facts->arrival_ns;
    struct source *source = source_of(heard, facts);
    source->heard = ++heard->turn;
    int64_t number;
    if (!place(heard, source, facts, &number))
        return 0;
    if (number > source->highest) {
        for (int64_t fresh = source->highest + 1; fresh <= number; fresh++) {
            if (fresh - WINDOW >= source->base)
                settle(source, fresh - WINDOW);
            clear_bit(source->came, fresh);
            clear_bit(source->played, fresh);
        }
        source->highest = number;
    } else if (bit_of(source->came, number)) {
        heard->duplicated++;
        return 0;
    } else {
        heard->reordered++;
    }
    set_bit(source->came, number);
    source->unique++;
    if (facts->clock_hz == 0 || in_time(heard, source, facts, buffer_ms))
        set_bit(source->played, number);
    else
        heard->late++;
    return 1;
}

void lm_reception_retime(struct reception *heard)
{
    for (int at = 0; at < MOST_SOURCES; at++)
        heard->source[at].has_clock = 0;
}

int lm_reception_stamp(struct reception *heard, const struct stamp *stamp, int64_t arrival_ns)
{
    int at = 0;
    while (at < heard->stamps &&
           (heard->stamp[at].count.call != stamp->call || heard->stamp[at].count.party != stamp->party))
        at++;
    if (at == LM_MOST_STAMPS) {
        heard->unstamped++;
        return 0;
    }
    lm_stamp_count *count = &heard->stamp[at].count;
    int is_new = at == heard->stamps;
    if (is_new) {
        heard->stamps++;
        count->call = stamp->call;
        count->party = stamp->party;
        count->first_ns = arrival_ns;
        heard->stamp[at].lowest = heard->stamp[at].highest = stamp->number;
    }
    if ((int32_t)(stamp->number - heard->stamp[at].lowest) < 0)
        heard->stamp[at].lowest = stamp->number;
    if ((int32_t)(stamp->number - heard->stamp[at].highest) > 0)
        heard->stamp[at].highest = stamp->number;
    count->packets++;
    count->last_ns = arrival_ns;
    int32_t delay_us = (int32_t)((uint32_t)(arrival_ns / 1000) - stamp->sent_us);
    double delay_ms = delay_us > 0 ? delay_us / 1000.0 : 0.0;
    heard->stamp[at].delay_sum_ms += delay_ms;
    if (delay_ms > count->delay_max_ms)
        count->delay_max_ms = delay_ms;
    return is_new;
}

/* The press that an event packet speaks of; a new one when there is none. */
static struct press *press_of(struct reception *heard, const struct packet_facts *facts, int code, uint32_t timestamp,
                              int marker, int *is_new)
{
    *is_new = 0;
    for (int back = 1; back <= 4 && back <= heard->presses; back++) {
        struct press *press = &heard->press[(heard->presses - back) % 4];
        if (press->code == code && press->timestamp == timestamp)
            return press;
    }
    if (heard->presses > 0 && !marker) {
        /* The next segment of a long press (RFC 4733 section 2.5.1.3). */
        struct press *last = &heard->press[(heard->presses - 1) % 4];
        uint32_t passed = timestamp - last->timestamp;
        if (last->code == code && !last->ended && (passed == last->duration || passed == 0xFFFF || passed == 0x10000)) {
            last->before += passed;
            last->timestamp = timestamp;
            last->duration = 0;
            return last;
        }
    }
    struct press *press = &heard->press[heard->presses++ % 4];
    *press = (struct press){.code = code, .timestamp = timestamp, .at = -1};
    if (heard->digits < LM_MOST_DIGITS) {
        press->at = heard->digits++;
        heard->digit[press->at] = (lm_digit){.key = KEYS[code], .at_ns = facts->arrival_ns};
    }
    *is_new = 1;
    return press;
}

void lm_reception_event(struct reception *heard, const struct packet_facts *facts, const uint8_t *payload, int length,
                        void (*on_press)(void *context, char key), void *context)
{
    uint32_t timestamp = facts->timestamp;
    int marker = facts->marker;
    if (length == 0 || length % 4 != 0) {
        heard->malformed++;
        return;
    }
    for (int at = 0; at < length; at += 4) {
        int code = payload[at], is_new;
        uint32_t duration = get16(payload + at + 2);
        if (code < 16 && duration > 0) {
            struct press *press = press_of(heard, facts, code, timestamp, marker, &is_new);
            if (duration > press->duration)
                press->duration = duration;
            if (payload[at + 1] & 0x80)
                press->ended = 1;
            if (press->at >= 0) {
                heard->digit[press->at].duration = press->before + press->duration;
                heard->digit[press->at].ended = press->ended;
            }
            if (is_new)
                on_press(context, KEYS[code]);
        }
        /* Several events in a packet follow each other without a pause (section 2.5.1.5). */
        timestamp += duration;
        marker = 1;
    }
}

void lm_reception_report(const struct reception *heard, lm_report *report)
{
    int64_t expected = heard->gone_expected, unique = heard->gone_unique;
    uint64_t longest = heard->gone_longest;
    double jitter_max_ms = heard->gone_jitter_max_ms;
    for (int at = 0; at < MOST_SOURCES; at++) {
        const struct source *source = &heard->source[at];
        if (!source->used)
            continue;
        uint64_t burst = burst_of(*source);
        double jitter_ms = in_ms(source->jitter_max, source->clock_hz);
        expected += expected_of(source);
        unique += source->unique;
        longest = burst > longest ? burst : longest;
        jitter_max_ms = jitter_ms > jitter_max_ms ? jitter_ms : jitter_max_ms;
    }
    report->received = heard->received;
    report->expected = (uint64_t)expected;
    report->lost = (uint64_t)(expected - unique);
    report->late = heard->late;
    report->duplicated = heard->duplicated;
    report->reordered = heard->reordered;
    report->longest_burst = longest;
    if (heard->current >= 0) {
        const struct source *source = &heard->source[heard->current];
        report->jitter_ms = in_ms(source->jitter, source->clock_hz);
    }
    report->jitter_max_ms = jitter_max_ms;
    report->first_ns = heard->first_ns;
    report->last_ns = heard->last_ns;
    report->sources = heard->sources;
    report->clock_jumps = heard->clock_jumps;
    report->malformed = heard->malformed;
    report->undecryptable = heard->undecryptable;
    report->elsewhere = heard->elsewhere;
    report->other_payload = heard->other_payload;
    report->unstamped = heard->unstamped;
    report->stamps = heard->stamps;
    for (int at = 0; at < heard->stamps; at++) {
        lm_stamp_count *count = &report->stamp[at];
        *count = heard->stamp[at].count;
        uint64_t numbers = (uint64_t)(heard->stamp[at].highest - heard->stamp[at].lowest) + 1;
        count->lost = numbers > count->packets ? numbers - count->packets : 0;
        count->delay_mean_ms = count->packets ? heard->stamp[at].delay_sum_ms / (double)count->packets : 0.0;
    }
    report->digits = heard->digits;
    memcpy(report->digit, heard->digit, sizeof report->digit);
}
