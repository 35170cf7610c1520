/* What Python may call and see. cffi reads this file, so it holds declarations only.
 *
 * Times (_ns) are ns of CLOCK_MONOTONIC. Functions that return int give 0 or a negative errno.
 */

enum { LM_OPUS, LM_PCMU, LM_PCMA };
enum { LM_HEARD, LM_DIGIT };

#define LM_STAMP_BYTES 20
#define LM_KEY_BYTES 30
#define LM_MOST_STAMPS 16
#define LM_MOST_DIGITS 64
#define LM_MOST_IDENTITIES 8
#define LM_FRAME_SAMPLES_8K 160
#define LM_FRAME_SAMPLES_16K 320
#define LM_LARGEST_PACKET 1500

typedef struct lm_sound lm_sound;
typedef struct lm_engine lm_engine;
typedef struct lm_stream lm_stream;
typedef struct lm_decoder lm_decoder;

typedef struct {
    char remote_ip[16];
    uint16_t remote_port;
    char rtcp_ip[16];
    uint16_t rtcp_port;
    int codec;
    int payload_type;
    int event_payload_type; /* -1: none */
    uint32_t event_clock_hz;
    int send_secured;
    uint8_t send_key[30];
    int receive_secured;
    uint8_t receive_key[30];
    uint32_t call;
    int party;
    int stamps; /* 0: packets carry none, as if they had been coded anew on the way */
    int tones; /* 1: says call and party by tones, else speaks; and hears tones where no stamps come */
    uint32_t jitter_buffer_ms;
} lm_settings;

typedef struct {
    uint32_t call;
    int party;
    uint64_t packets;
    uint64_t lost; /* numbers missing between the first and the last */
    int64_t first_ns;
    int64_t last_ns;
    double delay_mean_ms;
    double delay_max_ms;
} lm_stamp_count;

typedef struct {
    uint32_t call;
    int party;
    uint64_t frames; /* of 20 ms in which it was heard, to whole symbols of three */
    uint64_t listened; /* of 20 ms, from the first to the last frame that was heard */
    uint64_t longest_gap; /* between two, in frames of 20 ms that were listened to */
    int64_t first_ns;
    int64_t last_ns;
} lm_tone_count;

typedef struct {
    char key;
    int64_t at_ns;
    uint32_t duration; /* in units of the event clock */
    int ended;
} lm_digit;

typedef struct {
    uint64_t sent;
    uint64_t sent_digits;
    uint64_t send_failed;
    uint64_t skipped;
    uint64_t received;
    uint64_t expected;
    uint64_t lost;
    uint64_t late;
    uint64_t duplicated;
    uint64_t reordered;
    uint64_t longest_burst;
    double jitter_ms;
    double jitter_max_ms;
    int64_t first_ns; /* 0: nothing came */
    int64_t last_ns;
    uint32_t sources;
    uint64_t clock_jumps;
    uint64_t malformed;
    uint64_t undecryptable;
    uint64_t elsewhere;
    uint64_t other_payload;
    uint64_t unstamped;
    uint64_t receive_drops;
    int stamps;
    lm_stamp_count stamp[16];
    uint64_t tones_listened; /* frames of 20 ms */
    int tones;
    lm_tone_count tone[8];
    int digits;
    lm_digit digit[64];
    uint64_t far_reports;
    double far_lost_share;
    int32_t far_lost;
    double far_jitter_ms;
    double round_trip_ms; /* negative: not known */
} lm_report;

typedef struct {
    int kind;
    uint32_t stream;
    uint32_t call;
    int party;
    char key;
    int64_t at_ns;
} lm_event;

typedef struct {
    uint64_t sent;
    uint64_t received;
    uint64_t late; /* sent more than 5 ms after their time */
    uint64_t skipped;
    uint64_t send_failed;
    uint64_t receive_drops;
    int64_t late_max_ns;
    int64_t late_p99_ns;
    double cpu_s;
    uint64_t events_lost;
} lm_health;

/* Sound that the streams of an engine send, one voice for each of two parties: mono 16 bit at 16 and at 8 kHz, of as
 * many frames of 20 ms. NULL: out of memory, or libopus refuses. It must outlive its engines. */
lm_sound *lm_sound_new(const int16_t *first_16k, const int16_t *second_16k, const int16_t *first_8k,
                       const int16_t *second_8k, uint32_t frames);
void lm_sound_free(lm_sound *sound);
/* Writes the payload of a frame with a stamp in it; returns its length. */
int lm_payload(const lm_sound *sound, int voice, uint32_t frame, int codec, const uint8_t *stamp, uint8_t *payload);

/* An engine on a local IPv4 address. Without a thread nothing is sent or received by itself (lm_make, lm_feed). */
int lm_engine_new(lm_engine **engine, const char *address, const lm_sound *sound, int threaded, uint32_t seed);
void lm_engine_free(lm_engine *engine);
void lm_engine_health(lm_engine *engine, lm_health *health);
/* Up to most events that happened since the last call, oldest first; returns how many. */
int lm_engine_events(lm_engine *engine, lm_event *events, int most);

/* Opens the sockets of a stream; number names it in events. */
int lm_open(lm_engine *engine, uint32_t number, lm_stream **stream);
uint16_t lm_port(lm_stream *stream);
uint32_t lm_ssrc(lm_stream *stream);
int lm_start(lm_stream *stream, const lm_settings *settings);
void lm_pause(lm_stream *stream, int paused);
/* From now on it speaks, where it has said call and party by tones. It still hears tones. */
void lm_speak(lm_stream *stream);
/* Returns -EAGAIN when too many digits wait already, -EINVAL for what is no key. */
int lm_send_digits(lm_stream *stream, const char *keys, uint32_t tone_ms, uint32_t gap_ms);
void lm_report_stream(lm_stream *stream, lm_report *report);
/* Gives the last report and closes the sockets; the stream may not be used afterwards. */
void lm_close(lm_stream *stream, lm_report *report);

/* From now on so many packets of the agreed payload type are kept as they come in time, once in a stream's life. */
int lm_keep(lm_stream *stream, int packets);
/* What was kept: payloads, each behind 32 bits of timestamp and 16 of length. Returns how many octets there are. */
int lm_kept(lm_stream *stream, uint8_t *into, int most);

/* A decoder of Opus, to mono at 16 kHz; NULL: out of memory. */
lm_decoder *lm_decoder_new(void);
void lm_decoder_free(lm_decoder *decoder);
/* A packet's sound, up to 1920 samples, or with length 0 the 20 ms that take the place of a lost one. Returns how many
 * samples there are, negative for what is no Opus. */
int lm_decode(lm_decoder *decoder, const uint8_t *payload, int length, int16_t *samples);

/* One packet as if it had come at arrival_ns; the octets are changed where they are. */
void lm_feed(lm_stream *stream, uint8_t *packet, int length, int64_t arrival_ns);
/* The packet that is due in a round of 20 ms; returns its length, 0: none. packet holds LM_LARGEST_PACKET octets. */
int lm_make(lm_stream *stream, int64_t round, int64_t now_ns, uint8_t *packet);
/* The RTCP packet that would be sent; returns its length. */
int lm_make_rtcp(lm_stream *stream, int64_t now_ns, uint8_t *packet);
