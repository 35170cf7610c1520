/* RTCP: sender and receiver reports of ours, and what the far end's say (RFC 3550 section 6). */

#include "parts.h"

enum { SENDER_REPORT = 200, RECEIVER_REPORT = 201, DESCRIPTION = 202, BLOCK = 24, CNAME = 1 };
#define NTP_EPOCH 2208988800ULL

static uint64_t ntp(int64_t now_ns)
{
    int64_t wall_ns = now_ns + (clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
    uint64_t seconds = (uint64_t)(wall_ns / NS_PER_S), rest = (uint64_t)(wall_ns % NS_PER_S);
    return (seconds + NTP_EPOCH) << 32 | (rest << 32) / NS_PER_S;
}

/* A report block on what was heard last; returns its length. */
static int write_block(lm_stream *stream, int64_t now_ns, uint8_t *at)
{
    if (stream->heard.current < 0)
        return 0;
    struct source *source = &stream->heard.source[stream->heard.current];
    int64_t expected = source->highest - source->base + 1, lost = expected - source->unique;
    int64_t expected_now = expected - source->expected_prior;
    int64_t lost_now = expected_now - (source->unique - source->unique_prior);
    source->expected_prior = expected;
    source->unique_prior = source->unique;
    int64_t fraction = expected_now > 0 && lost_now > 0 ? lost_now * 256 / expected_now : 0;
    put32(at, source->ssrc);
    put32(at + 4, (uint32_t)(lost > 0x7FFFFF ? 0x7FFFFF : lost));
    at[4] = (uint8_t)(fraction > 255 ? 255 : fraction);
    put32(at + 8, (uint32_t)source->highest);
    put32(at + 12, (uint32_t)source->jitter);
    int64_t since = stream->heard_report ? now_ns - stream->heard_report_ns : 0;
    put32(at + 16, stream->heard_report);
    put32(at + 20, (uint32_t)(since * 65536 / NS_PER_S));
    return BLOCK;
}

int lm_rtcp_write(lm_stream *stream, int64_t now_ns, uint8_t *packet)
{
    int at = 8, blocks;
    uint8_t type = RECEIVER_REPORT;
    put32(packet + 4, stream->ssrc);
    if (stream->sent > 0) {
        uint64_t now = ntp(now_ns);
        uint32_t hz = stream->settings.codec == LM_OPUS ? 48000 : 8000;
        /* What the timestamp would be now: the last packet was due in its round, which is of the same clock. */
        int64_t due_ns = stream->round * FRAME_NS + stream->slot * NS_PER_MS;
        uint32_t timestamp = stream->timestamp + (uint32_t)((now_ns - due_ns) * hz / NS_PER_S);
        type = SENDER_REPORT;
        put32(packet + 8, (uint32_t)(now >> 32));
        put32(packet + 12, (uint32_t)now);
        put32(packet + 16, timestamp);
        put32(packet + 20, (uint32_t)stream->sent);
        put32(packet + 24, (uint32_t)stream->sent_octets);
        at = 28;
    }
    int length = write_block(stream, now_ns, packet + at);
    blocks = length > 0;
    at += length;
    packet[0] = (uint8_t)(0x80 | blocks);
    packet[1] = type;
    put16(packet + 2, (uint16_t)(at / 4 - 1));
    /* SDES with a CNAME of eight characters. */
    static const char DIGITS[] = "0123456789abcdef";
    uint8_t *description = packet + at;
    memset(description, 0, 20);
    description[0] = 0x81;
    description[1] = DESCRIPTION;
    put16(description + 2, 4);
    put32(description + 4, stream->ssrc);
    description[8] = CNAME;
    description[9] = 8;
    for (int digit = 0; digit < 8; digit++)
        description[10 + digit] = (uint8_t)DIGITS[stream->ssrc >> (28 - 4 * digit) & 15];
    return at + 20;
}

static void read_block(lm_stream *stream, const uint8_t *block, int64_t arrival_ns)
{
    if (get32(block) != stream->ssrc)
        return;
    struct far *far = &stream->far;
    far->reports++;
    far->lost_share = block[4] / 256.0;
    int32_t lost = (int32_t)(get32(block + 4) & 0xFFFFFF);
    far->lost = lost & 0x800000 ? lost - 0x1000000 : lost;
    far->jitter_ms = get32(block + 12) * 1000.0 / (stream->settings.codec == LM_OPUS ? 48000 : 8000);
    uint32_t last = get32(block + 16), since = get32(block + 20);
    if (last != 0) {
        int32_t trip = (int32_t)((uint32_t)(ntp(arrival_ns) >> 16) - last - since);
        /* A far end that counts its delay from elsewhere than the packet's arrival can come out a little below 0. */
        far->round_trip_ms = trip > 0 ? trip / 65.536 : 0.0;
    }
}

void lm_rtcp_read(lm_stream *stream, uint8_t *packet, int length, int64_t arrival_ns)
{
    if (stream->receiver != NULL)
        length = lm_srtp_unprotect_rtcp(stream->receiver, packet, length);
    if (length < 0) {
        stream->heard.undecryptable += length == SRTP_REFUSED;
        return;
    }
    int at = 0;
    while (length - at >= 8) {
        uint8_t *part = packet + at;
        int size = (get16(part + 2) + 1) * 4, blocks = part[0] & 0x1F;
        if (part[0] >> 6 != 2 || size > length - at) {
            stream->heard.malformed++;
            return;
        }
        int head = part[1] == SENDER_REPORT ? 28 : 8;
        if (part[1] == SENDER_REPORT && size >= head) {
            stream->heard_report = get32(part + 10);
            stream->heard_report_ns = arrival_ns;
        }
        if (part[1] == SENDER_REPORT || part[1] == RECEIVER_REPORT)
            for (int block = 0; block < blocks && head + (block + 1) * BLOCK <= size; block++)
                read_block(stream, part + head + block * BLOCK, arrival_ns);
        at += size;
    }
}
