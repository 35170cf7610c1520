/* A stream: two sockets, what is sent from them in each round of 20 ms, and what came meanwhile. */

#include "parts.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 12, BATCH = 8, ROUNDS_PER_READ = 4, ROUND_MS = 20, EVENT_VOLUME = 10, EXPEDITED = 0xB8 };
/* How much is read in one round: more can only come of somebody who floods us, and others wait. */
enum { MOST_BATCHES = 8 };
static const int64_t LATE_NS = 5 * NS_PER_MS;
static const int RECEIVE_BUFFER = 256 * 1024;

static int open_socket(struct in_addr address, uint16_t port)
{
    int file = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (file < 0)
        return -errno;
    int on = 1, service = EXPEDITED;
    setsockopt(file, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    setsockopt(file, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    setsockopt(file, SOL_SOCKET, SO_RCVBUF, &RECEIVE_BUFFER, sizeof RECEIVE_BUFFER);
    setsockopt(file, IPPROTO_IP, IP_TOS, &service, sizeof service);
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address};
    if (bind(file, (struct sockaddr *)&local, sizeof local) < 0) {
        int error = -errno;
        close(file);
        return error;
    }
    return file;
}

int lm_stream_init(lm_stream *stream, struct in_addr address, uint16_t port)
{
    stream->rtp = open_socket(address, port);
    if (stream->rtp < 0)
        return stream->rtp;
    stream->rtcp = open_socket(address, port + 1);
    if (stream->rtcp < 0) {
        close(stream->rtp);
        return stream->rtcp;
    }
    stream->port = port;
    stream->pressing = -1;
    stream->far.round_trip_ms = -1.0;
    lm_reception_init(&stream->heard);
    pthread_mutex_init(&stream->lock, NULL);
    return 0;
}

static void close_sockets(lm_stream *stream)
{
    if (stream->state != CLOSED) {
        close(stream->rtp);
        close(stream->rtcp);
    }
    stream->state = CLOSED;
}

void lm_stream_free(lm_stream *stream)
{
    close_sockets(stream);
    lm_srtp_free(stream->sender);
    lm_srtp_free(stream->receiver);
    free(stream->kept);
    lm_listener_free(stream->listener);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

static int set_address(struct sockaddr_in *address, const char *ip, uint16_t port)
{
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_port = htons(port);
    return inet_pton(AF_INET, ip, &address->sin_addr) == 1 ? 0 : -EINVAL;
}

int lm_start(lm_stream *stream, const lm_settings *settings)
{
    struct sockaddr_in remote, remote_rtcp;
    if (set_address(&remote, settings->remote_ip, settings->remote_port) < 0 ||
        set_address(&remote_rtcp, settings->rtcp_ip, settings->rtcp_port) < 0)
        return -EINVAL;
    pthread_mutex_lock(&stream->lock);
    const lm_settings *before = &stream->settings;
    int first = stream->state != STARTED;
    /* The same keys go on with the same packet index; SRTP forbids to begin it anew (RFC 3711 section 9.1). */
    int same_send = !first && before->send_secured == settings->send_secured &&
                    memcmp(before->send_key, settings->send_key, LM_KEY_BYTES) == 0;
    int same_receive = !first && before->receive_secured == settings->receive_secured &&
                       memcmp(before->receive_key, settings->receive_key, LM_KEY_BYTES) == 0;
    srtp *sender = settings->send_secured && !same_send ? lm_srtp_new(settings->send_key) : NULL;
    srtp *receiver = settings->receive_secured && !same_receive ? lm_srtp_new(settings->receive_key) : NULL;
    if ((settings->send_secured && !same_send && sender == NULL) ||
        (settings->receive_secured && !same_receive && receiver == NULL)) {
        lm_srtp_free(sender);
        lm_srtp_free(receiver);
        pthread_mutex_unlock(&stream->lock);
        return -ENOMEM;
    }
    if (!same_send) {
        lm_srtp_free(stream->sender);
        stream->sender = sender;
    }
    if (!same_receive) {
        lm_srtp_free(stream->receiver);
        stream->receiver = receiver;
    }
    if (!first && before->codec != settings->codec)
        lm_reception_retime(&stream->heard);
    if (first)
        stream->mark = 1;
    stream->settings = *settings;
    lm_tones_word((struct identity){settings->call, (uint8_t)settings->party}, stream->word);
    lm_tones_word((struct identity){settings->call, (uint8_t)!settings->party}, stream->expected);
    stream->remote = remote;
    stream->remote_rtcp = remote_rtcp;
    stream->multiplexed = memcmp(&remote, &remote_rtcp, sizeof remote) == 0;
    stream->state = STARTED;
    pthread_mutex_unlock(&stream->lock);
    return 0;
}

void lm_pause(lm_stream *stream, int paused)
{
    pthread_mutex_lock(&stream->lock);
    if (stream->paused && !paused)
        stream->mark = 1;
    stream->paused = paused;
    pthread_mutex_unlock(&stream->lock);
}

void lm_speak(lm_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->speaks = 1;
    pthread_mutex_unlock(&stream->lock);
}

int lm_send_digits(lm_stream *stream, const char *keys, uint32_t tone_ms, uint32_t gap_ms)
{
    static const char KNOWN[] = "0123456789*#ABCD";
    size_t count = strlen(keys);
    int error = 0;
    pthread_mutex_lock(&stream->lock);
    if (stream->waiting_count + count > MOST_WAITING_DIGITS)
        error = -EAGAIN;
    for (size_t at = 0; at < count && !error; at++)
        if (strchr(KNOWN, keys[at]) == NULL)
            error = -EINVAL;
    for (size_t at = 0; at < count && !error; at++)
        stream->waiting[stream->waiting_count++] = (uint8_t)(strchr(KNOWN, keys[at]) - KNOWN);
    stream->tone_ms = tone_ms;
    stream->gap_ms = gap_ms;
    pthread_mutex_unlock(&stream->lock);
    return error;
}

/* ---- sending */

static uint32_t samples_of(const lm_stream *stream)
{
    return stream->settings.codec == LM_OPUS ? 960 : LM_FRAME_SAMPLES_8K;
}

static int write_header(lm_stream *stream, uint8_t *packet, int type, int marker, uint32_t timestamp)
{
    packet[0] = 0x80;
    packet[1] = (uint8_t)(marker ? 0x80 | type : type);
    put16(packet + 2, stream->sequence++);
    put32(packet + 4, timestamp);
    put32(packet + 8, stream->ssrc);
    return HEADER;
}

/* The event packet that is due, if a key is being pressed or waits to be (RFC 4733 section 2.5.1); 0: none. */
static int write_event(lm_stream *stream, uint8_t *packet)
{
    int first = 0;
    if (stream->pressing < 0) {
        if (stream->gap_left_ms >= ROUND_MS) {
            stream->gap_left_ms -= ROUND_MS;
            return 0;
        }
        if (stream->waiting_count == 0 || stream->settings.event_payload_type < 0)
            return 0;
        stream->pressing = stream->waiting[0];
        memmove(stream->waiting, stream->waiting + 1, --stream->waiting_count);
        stream->press_timestamp = stream->timestamp;
        stream->press_ms = 0;
        stream->press_ends = 0;
        first = 1;
    }
    if (stream->press_ms < stream->tone_ms)
        stream->press_ms += ROUND_MS;
    int ends = stream->press_ms >= stream->tone_ms;
    uint64_t duration = (uint64_t)stream->press_ms * stream->settings.event_clock_hz / 1000;
    int at = write_header(stream, packet, stream->settings.event_payload_type, first, stream->press_timestamp);
    packet[at] = (uint8_t)stream->pressing;
    packet[at + 1] = (uint8_t)(ends ? 0x80 | EVENT_VOLUME : EVENT_VOLUME);
    put16(packet + at + 2, (uint16_t)(duration > 0xFFFF ? 0xFFFF : duration));
    if (ends && ++stream->press_ends == DIGIT_ENDS) {
        stream->pressing = -1;
        stream->sent_digits++;
        /* The gap is from the tone's end, and the repetitions lie in it. */
        uint32_t repeated_ms = (DIGIT_ENDS - 1) * ROUND_MS;
        stream->gap_left_ms = stream->gap_ms > repeated_ms ? stream->gap_ms - repeated_ms : 0;
    }
    return at + 4;
}

static int write_audio(lm_stream *stream, int64_t round, int64_t now_ns, uint8_t *packet, const lm_sound *sound)
{
    struct stamp stamp = {
        .call = stream->settings.call,
        .party = (uint8_t)stream->settings.party,
        .number = stream->stamp_number++,
        .sent_us = (uint32_t)(now_ns / 1000),
    };
    uint8_t octets[LM_STAMP_BYTES];
    if (stream->settings.stamps)
        lm_stamp_write(&stamp, octets);
    else
        memset(octets, 0, sizeof octets);
    int at = write_header(stream, packet, stream->settings.payload_type, stream->mark, stream->timestamp);
    stream->mark = 0;
    int voice = stream->settings.party & 1;
    uint32_t frame = (uint32_t)((uint64_t)(round + stream->ssrc % sound->frames) % sound->frames);
    if (stream->settings.tones && !stream->speaks) {
        uint64_t within = (uint64_t)(round + stream->ssrc % WORD_FRAMES) % WORD_FRAMES;
        voice = BY_TONES;
        frame = (uint32_t)(stream->word[within / SYMBOL_FRAMES] * SYMBOL_FRAMES + within % SYMBOL_FRAMES);
    }
    return at + lm_payload(sound, voice, frame, stream->settings.codec, octets, packet + at);
}

const lm_sound *lm_engine_sound(const lm_engine *engine);

/* The packet of a round, secured if it has to be; 0: nothing is to be sent. */
static int write_packet(lm_stream *stream, int64_t round, int64_t now_ns, uint8_t *packet)
{
    if (stream->state != STARTED)
        return 0;
    if (stream->has_round) {
        int64_t passed = round - stream->round;
        stream->timestamp += (uint32_t)passed * samples_of(stream);
        if (passed > 1 && !stream->paused)
            stream->skipped += (uint64_t)passed - 1;
    }
    stream->has_round = 1;
    stream->round = round;
    if (stream->paused)
        return 0;
    int length = write_event(stream, packet);
    if (length == 0)
        length = write_audio(stream, round, now_ns, packet, lm_engine_sound(stream->engine));
    stream->sent++;
    stream->sent_octets += (uint64_t)(length - HEADER);
    if (stream->sender != NULL)
        length = lm_srtp_protect(stream->sender, packet, length);
    stream->send_failed += length < 0;
    return length > 0 ? length : 0;
}

int lm_make(lm_stream *stream, int64_t round, int64_t now_ns, uint8_t *packet)
{
    pthread_mutex_lock(&stream->lock);
    int length = write_packet(stream, round, now_ns, packet);
    pthread_mutex_unlock(&stream->lock);
    return length;
}

static int write_rtcp(lm_stream *stream, int64_t now_ns, uint8_t *packet)
{
    int length = lm_rtcp_write(stream, now_ns, packet);
    if (stream->sender != NULL)
        length = lm_srtp_protect_rtcp(stream->sender, packet, length);
    return length > 0 ? length : 0;
}

int lm_make_rtcp(lm_stream *stream, int64_t now_ns, uint8_t *packet)
{
    pthread_mutex_lock(&stream->lock);
    int length = write_rtcp(stream, now_ns, packet);
    pthread_mutex_unlock(&stream->lock);
    return length;
}

static void send_rtcp(lm_stream *stream, int64_t now_ns)
{
    _Alignas(8) uint8_t packet[LM_LARGEST_PACKET];
    if (stream->next_rtcp_ns != 0) {
        int length = write_rtcp(stream, now_ns, packet);
        if (length > 0)
            sendto(stream->multiplexed ? stream->rtp : stream->rtcp, packet, (size_t)length, MSG_DONTWAIT,
                   (struct sockaddr *)&stream->remote_rtcp, sizeof stream->remote_rtcp);
    }
    /* 5 s, between half and one and a half of it (RFC 3550 section 6.2). */
    stream->next_rtcp_ns = now_ns + 5 * NS_PER_S / 2 + (int64_t)(lm_random(stream->engine) % 5000) * NS_PER_MS;
}

static void send_packet(lm_stream *stream, int64_t round, int64_t due_ns, struct tally *tally)
{
    _Alignas(8) uint8_t packet[LM_LARGEST_PACKET];
    uint64_t skipped = stream->skipped;
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    int length = write_packet(stream, round, now_ns, packet);
    tally->skipped += stream->skipped - skipped;
    if (stream->state == STARTED && now_ns >= stream->next_rtcp_ns)
        send_rtcp(stream, now_ns);
    if (length == 0)
        return;
    int64_t late_ns = now_ns - due_ns, step = late_ns / LATENESS_STEP_NS;
    tally->lateness[step < 0 ? 0 : step >= LATENESS_STEPS ? LATENESS_STEPS - 1 : step]++;
    if (late_ns > tally->late_max_ns)
        tally->late_max_ns = late_ns;
    tally->late += late_ns > LATE_NS;
    tally->sent++;
    if (sendto(stream->rtp, packet, (size_t)length, MSG_DONTWAIT, (struct sockaddr *)&stream->remote,
               sizeof stream->remote) < 0) {
        stream->send_failed++;
        tally->send_failed++;
    }
}

/* ---- receiving */

static void on_press(void *context, char key)
{
    lm_stream *stream = context;
    lm_event event = {.kind = LM_DIGIT, .stream = stream->number, .key = key, .at_ns = stream->heard.last_ns};
    lm_engine_event(stream->engine, &event);
}

static void tell_heard(lm_stream *stream, uint32_t call, int party, int64_t at_ns)
{
    lm_event event = {.kind = LM_HEARD, .stream = stream->number, .call = call, .party = party, .at_ns = at_ns};
    lm_engine_event(stream->engine, &event);
}

static void listen_for_tones(lm_stream *stream, const struct packet_facts *facts, const uint8_t *payload, int length)
{
    lm_tone_count found[LM_MOST_IDENTITIES];
    struct audio audio = {
        .codec = stream->settings.codec,
        .payload = payload,
        .length = length,
        .ssrc = facts->ssrc,
        .timestamp = facts->timestamp,
        .arrival_ns = facts->arrival_ns,
        .expected = stream->expected,
    };
    if (stream->listener == NULL)
        stream->listener = lm_listener_new();
    if (stream->listener == NULL)
        return;
    int count = lm_listener_take(stream->listener, &audio, found);
    for (int at = 0; at < count; at++)
        tell_heard(stream, found[at].call, found[at].party, found[at].first_ns);
}

static void take_audio(lm_stream *stream, const struct packet_facts *facts, const uint8_t *payload, int length)
{
    uint8_t octets[LM_STAMP_BYTES];
    struct stamp stamp;
    if (!lm_stamp_place(stream->settings.codec, payload, length, octets) || !lm_stamp_read(octets, &stamp)) {
        stream->heard.unstamped++;
        if (stream->settings.tones)
            listen_for_tones(stream, facts, payload, length);
        return;
    }
    if (lm_reception_stamp(&stream->heard, &stamp, facts->arrival_ns))
        tell_heard(stream, stamp.call, stamp.party, facts->arrival_ns);
}

/* Where the payload is; 0 when the packet is no RTP. */
static int find_payload(const uint8_t *packet, int length, int *from, int *to)
{
    if (length < HEADER || packet[0] >> 6 != 2)
        return 0;
    *from = HEADER + (packet[0] & 0x0F) * 4;
    *to = length;
    if (packet[0] & 0x10) {
        if (*from + 4 > length)
            return 0;
        *from += 4 + get16(packet + *from + 2) * 4;
    }
    if (packet[0] & 0x20) {
        /* An octet count of padding of 0 is none (RFC 3550 section 5.1). */
        if (packet[length - 1] == 0)
            return 0;
        *to -= packet[length - 1];
    }
    return *from <= *to;
}

void lm_stream_take(lm_stream *stream, uint8_t *packet, int length, int64_t arrival_ns, const struct sockaddr_in *from)
{
    struct reception *heard = &stream->heard;
    /* RTCP on the same port is told apart by its type (RFC 5761 section 4). */
    if (length >= 8 && packet[0] >> 6 == 2 && packet[1] >= 192 && packet[1] <= 223) {
        lm_rtcp_read(stream, packet, length, arrival_ns);
        return;
    }
    if (stream->receiver != NULL)
        length = lm_srtp_unprotect(stream->receiver, packet, length);
    if (length == SRTP_REPLAYED) {
        heard->received++;
        heard->duplicated++;
        return;
    }
    if (length == SRTP_REFUSED) {
        heard->undecryptable++;
        return;
    }
    int begin, end;
    if (!find_payload(packet, length, &begin, &end)) {
        heard->malformed++;
        return;
    }
    if (from != NULL &&
        (from->sin_port != stream->remote.sin_port || from->sin_addr.s_addr != stream->remote.sin_addr.s_addr))
        heard->elsewhere++;
    const lm_settings *settings = &stream->settings;
    int type = packet[1] & 0x7F;
    struct packet_facts facts = {
        .sequence = get16(packet + 2),
        .timestamp = get32(packet + 4),
        .ssrc = get32(packet + 8),
        .marker = packet[1] >> 7,
        .arrival_ns = arrival_ns,
    };
    if (type == settings->payload_type)
        facts.clock_hz = settings->codec == LM_OPUS ? 48000 : 8000;
    uint64_t late = heard->late;
    int is_new = lm_reception_take(heard, &facts, settings->jitter_buffer_ms);
    if (!is_new)
        return;
    if (stream->kept != NULL && type == settings->payload_type && heard->late == late)
        lm_kept_take(stream->kept, facts.timestamp, packet + begin, end - begin);
    if (type == settings->payload_type)
        take_audio(stream, &facts, packet + begin, end - begin);
    else if (type == settings->event_payload_type)
        lm_reception_event(heard, &facts, packet + begin, end - begin, on_press, stream);
    else
        heard->other_payload++;
}

void lm_feed(lm_stream *stream, uint8_t *packet, int length, int64_t arrival_ns)
{
    pthread_mutex_lock(&stream->lock);
    lm_stream_take(stream, packet, length, arrival_ns, NULL);
    pthread_mutex_unlock(&stream->lock);
}

/* When a packet came, and how many the kernel has dropped before it. */
static int64_t read_control(struct msghdr *message, int64_t wall_ahead_ns, uint32_t *dropped)
{
    int64_t at_ns = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET)
            continue;
        if (part->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
            at_ns = stamp.tv_sec * NS_PER_S + stamp.tv_nsec - wall_ahead_ns;
        } else if (part->cmsg_type == SO_RXQ_OVFL) {
            memcpy(dropped, CMSG_DATA(part), sizeof *dropped);
        }
    }
    return at_ns;
}

static void drain_socket(lm_stream *stream, int file, int is_rtp, struct tally *tally)
{
    _Alignas(8) uint8_t packets[BATCH][LM_LARGEST_PACKET];
    _Alignas(8) uint8_t controls[BATCH][96];
    struct sockaddr_in from[BATCH];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    for (int batch = 0; batch < MOST_BATCHES; batch++) {
        for (int at = 0; at < BATCH; at++) {
            parts[at] = (struct iovec){packets[at], LM_LARGEST_PACKET};
            messages[at].msg_hdr = (struct msghdr){
                .msg_name = &from[at],
                .msg_namelen = sizeof from[at],
                .msg_iov = &parts[at],
                .msg_iovlen = 1,
                .msg_control = controls[at],
                .msg_controllen = sizeof controls[at],
            };
        }
        int count = recvmmsg(file, messages, BATCH, MSG_DONTWAIT, NULL);
        if (count <= 0)
            return;
        int64_t now_ns = clock_ns(CLOCK_MONOTONIC), wall_ahead_ns = clock_ns(CLOCK_REALTIME) - now_ns;
        for (int at = 0; at < count; at++) {
            uint32_t dropped = stream->dropped;
            int64_t arrival_ns = read_control(&messages[at].msg_hdr, wall_ahead_ns, &dropped);
            if (is_rtp && dropped != stream->dropped) {
                tally->receive_drops += dropped - stream->dropped;
                stream->receive_drops += dropped - stream->dropped;
                stream->dropped = dropped;
            }
            if (is_rtp)
                lm_stream_take(stream, packets[at], (int)messages[at].msg_len, arrival_ns ? arrival_ns : now_ns,
                               &from[at]);
            else
                lm_rtcp_read(stream, packets[at], (int)messages[at].msg_len, arrival_ns ? arrival_ns : now_ns);
        }
        if (is_rtp)
            tally->received += (uint64_t)count;
        if (count < BATCH)
            return;
    }
}

void lm_stream_drain(lm_stream *stream, struct tally *tally)
{
    /* Before it is started, what comes waits in the socket: neither keys nor payload types are known yet. */
    if (stream->state == STARTED)
        drain_socket(stream, stream->rtp, 1, tally);
}

void lm_stream_serve(lm_stream *stream, int64_t round, int64_t due_ns, struct tally *tally)
{
    pthread_mutex_lock(&stream->lock);
    if (stream->state == STARTED) {
        send_packet(stream, round, due_ns, tally);
        /* Packets bring the time of their arrival with them, and several at once are read for little more than one. */
        if ((round + stream->number) % ROUNDS_PER_READ == 0)
            lm_stream_drain(stream, tally);
        /* Twice a second is enough for reports. */
        if (!stream->multiplexed && (round + stream->number) % 25 == 0)
            drain_socket(stream, stream->rtcp, 0, tally);
    }
    pthread_mutex_unlock(&stream->lock);
}

/* ---- reports */

static void report(lm_stream *stream, lm_report *report)
{
    struct tally unused = {0};
    memset(report, 0, sizeof *report);
    lm_stream_drain(stream, &unused);
    if (stream->state == STARTED)
        drain_socket(stream, stream->rtcp, 0, &unused);
    lm_reception_report(&stream->heard, report);
    if (stream->listener != NULL)
        lm_listener_report(stream->listener, report);
    report->sent = stream->sent;
    report->sent_digits = stream->sent_digits;
    report->send_failed = stream->send_failed;
    report->skipped = stream->skipped;
    report->receive_drops = stream->receive_drops;
    report->far_reports = stream->far.reports;
    report->far_lost_share = stream->far.lost_share;
    report->far_lost = stream->far.lost;
    report->far_jitter_ms = stream->far.jitter_ms;
    report->round_trip_ms = stream->far.round_trip_ms;
}

void lm_report_stream(lm_stream *stream, lm_report *into)
{
    pthread_mutex_lock(&stream->lock);
    report(stream, into);
    pthread_mutex_unlock(&stream->lock);
}

void lm_close(lm_stream *stream, lm_report *into)
{
    pthread_mutex_lock(&stream->lock);
    report(stream, into);
    close_sockets(stream);
    pthread_mutex_unlock(&stream->lock);
}

uint16_t lm_port(lm_stream *stream)
{
    return stream->port;
}

uint32_t lm_ssrc(lm_stream *stream)
{
    return stream->ssrc;
}
