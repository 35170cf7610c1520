/* Sound that is encoded once, and the places in it where stamps go.
 *
 * Opus: the padding of a code 3 packet (RFC 6716 section 3.2.5), which a decoder passes over. Its first octet makes of
 * the rest an extension with a number from the experimental range, for decoders that look for such in the padding.
 * G.711: the least bits of 160 samples. For each sample both the best code with that bit 0 and that with 1 are kept, so
 * that a stamp costs half the precision and no more.
 */

#include <opus/opus.h>

#include "parts.h"

enum { BITRATE = 18000, OPUS_MOST = 400, TO_END_EXTENSION = 121 << 1, PADDING = 1 + LM_STAMP_BYTES };
/* Bytes before the frame in a code 3 packet: configuration, count of frames, length of the padding. */
enum { OPUS_HEAD = 3, ONE_PADDED_FRAME = 0x41 };

static int open_voice(struct voice *voice, uint32_t frames)
{
    voice->opus = malloc((size_t)frames * (OPUS_MOST + OPUS_HEAD + PADDING));
    voice->opus_at = calloc(frames + 1, sizeof *voice->opus_at);
    return voice->opus != NULL && voice->opus_at != NULL ? 0 : -1;
}

/* Encodes the next frame and puts it behind those before. */
static int add_opus(OpusEncoder *encoder, const int16_t *sound, struct voice *voice, uint32_t frame)
{
    uint8_t plain[OPUS_MOST];
    uint8_t *packet = voice->opus + voice->opus_at[frame];
    int length = opus_encode(encoder, sound, LM_FRAME_SAMPLES_16K, plain, sizeof plain);
    /* One frame of 20 ms is a packet of code 0: its first octet, then the frame. */
    if (length < 2 || (plain[0] & 3) != 0)
        return -1;
    packet[0] = plain[0] | 3;
    packet[1] = ONE_PADDED_FRAME;
    packet[2] = PADDING;
    memcpy(packet + OPUS_HEAD, plain + 1, (size_t)length - 1);
    packet[OPUS_HEAD + length - 1] = TO_END_EXTENSION;
    voice->opus_at[frame + 1] = voice->opus_at[frame] + (uint32_t)(OPUS_HEAD + length - 1 + PADDING);
    return 0;
}

static int encode_opus(struct voice *voice, const int16_t *sound, uint32_t frames)
{
    int error;
    OpusEncoder *encoder = opus_encoder_create(16000, 1, OPUS_APPLICATION_VOIP, &error);
    if (encoder == NULL)
        return -1;
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(BITRATE));
    opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(1));
    opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(5));
    error = open_voice(voice, frames);
    for (uint32_t frame = 0; frame < frames && !error; frame++)
        error = add_opus(encoder, sound + (size_t)frame * LM_FRAME_SAMPLES_16K, voice, frame);
    opus_encoder_destroy(encoder);
    return error;
}

/* Symbols follow each other in any order, so no frame may need the one before it: the mode without linear prediction,
 * and in that without prediction from frame to frame. */
static int encode_opus_symbols(struct voice *voice)
{
    int error;
    OpusEncoder *encoder = opus_encoder_create(16000, 1, OPUS_APPLICATION_RESTRICTED_LOWDELAY, &error);
    if (encoder == NULL)
        return -1;
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(BITRATE));
    opus_encoder_ctl(encoder, OPUS_SET_PREDICTION_DISABLED(1));
    error = open_voice(voice, TONE_SYMBOLS * SYMBOL_FRAMES);
    for (int symbol = 0; symbol < TONE_SYMBOLS && !error; symbol++) {
        int16_t sound[SYMBOL_FRAMES * LM_FRAME_SAMPLES_16K];
        uint8_t unused[OPUS_MOST];
        lm_tones_sound(symbol, 16000, sound);
        /* What the encoder looks back to is this symbol's end, whatever came before. */
        for (int frame = 0; frame < SYMBOL_FRAMES; frame++)
            if (opus_encode(encoder, sound + frame * LM_FRAME_SAMPLES_16K, LM_FRAME_SAMPLES_16K, unused, sizeof unused) < 0)
                error = -1;
        for (int frame = 0; frame < SYMBOL_FRAMES && !error; frame++)
            error = add_opus(encoder, sound + frame * LM_FRAME_SAMPLES_16K, voice,
                             (uint32_t)(symbol * SYMBOL_FRAMES + frame));
    }
    opus_encoder_destroy(encoder);
    return error;
}

/* G.711's decoders (ITU-T G.711, tables 1 and 2), to 16 bit. */
static int from_mu(uint8_t code)
{
    int bits = ~code & 0xFF;
    int size = (((bits & 0x0F) << 3) + 0x84) << (bits >> 4 & 7);
    return bits & 0x80 ? 0x84 - size : size - 0x84;
}

static int from_a(uint8_t code)
{
    int bits = code ^ 0x55;
    int part = bits >> 4 & 7;
    int size = (bits & 0x0F) << 4;
    size = part == 0 ? size + 8 : (size + 0x108) << (part - 1);
    return bits & 0x80 ? size : -size;
}

/* The code with the given least bit whose sound is nearest to a sample. */
static uint8_t nearest(const int *levels, int sample, int bit)
{
    int best = bit;
    for (int code = bit; code < 256; code += 2)
        if (abs(levels[code] - sample) < abs(levels[best] - sample))
            best = code;
    return (uint8_t)best;
}

static int encode_law(uint8_t *codes[2], const int16_t *sound, uint32_t frames, int (*decode)(uint8_t))
{
    size_t samples = (size_t)frames * LM_FRAME_SAMPLES_8K;
    int levels[256];
    for (int code = 0; code < 256; code++)
        levels[code] = decode((uint8_t)code);
    for (int bit = 0; bit < 2; bit++) {
        codes[bit] = malloc(samples);
        if (codes[bit] == NULL)
            return -1;
        for (size_t at = 0; at < samples; at++)
            codes[bit][at] = nearest(levels, sound[at], bit);
    }
    return 0;
}

void lm_law_decode(int codec, const uint8_t *codes, int count, int16_t *samples)
{
    int (*decode)(uint8_t) = codec == LM_PCMA ? from_a : from_mu;
    for (int at = 0; at < count; at++)
        samples[at] = (int16_t)decode(codes[at]);
}

static int encode_symbols(struct voice *voice)
{
    enum { SAMPLES = SYMBOL_FRAMES * LM_FRAME_SAMPLES_8K };
    int16_t *sound = malloc(TONE_SYMBOLS * SAMPLES * sizeof *sound);
    if (sound == NULL)
        return -1;
    for (int symbol = 0; symbol < TONE_SYMBOLS; symbol++)
        lm_tones_sound(symbol, 8000, sound + symbol * SAMPLES);
    int error = encode_opus_symbols(voice);
    if (!error)
        error = encode_law(voice->law[0], sound, TONE_SYMBOLS * SYMBOL_FRAMES, from_mu);
    if (!error)
        error = encode_law(voice->law[1], sound, TONE_SYMBOLS * SYMBOL_FRAMES, from_a);
    free(sound);
    return error;
}

lm_sound *lm_sound_new(const int16_t *first_16k, const int16_t *second_16k, const int16_t *first_8k,
                       const int16_t *second_8k, uint32_t frames)
{
    lm_sound *sound = calloc(1, sizeof *sound);
    if (sound == NULL)
        return NULL;
    sound->frames = frames;
    const int16_t *wide[2] = {first_16k, second_16k}, *narrow[2] = {first_8k, second_8k};
    for (int party = 0; party < 2; party++) {
        struct voice *voice = &sound->voice[party];
        if (encode_opus(voice, wide[party], frames) < 0 || encode_law(voice->law[0], narrow[party], frames, from_mu) < 0 ||
            encode_law(voice->law[1], narrow[party], frames, from_a) < 0) {
            lm_sound_free(sound);
            return NULL;
        }
    }
    if (encode_symbols(&sound->voice[BY_TONES]) < 0) {
        lm_sound_free(sound);
        return NULL;
    }
    return sound;
}

void lm_sound_free(lm_sound *sound)
{
    if (sound == NULL)
        return;
    for (int at = 0; at <= BY_TONES; at++) {
        struct voice *voice = &sound->voice[at];
        free(voice->opus);
        free(voice->opus_at);
        for (int law = 0; law < 2; law++)
            for (int bit = 0; bit < 2; bit++)
                free(voice->law[law][bit]);
    }
    free(sound);
}

/* Eight octets in memory, each all ones or all zeroes as the bits of one octet say, its lowest bit first. */
static inline uint64_t spread(uint8_t bits)
{
    uint64_t apart = (bits * 0x0101010101010101ULL) & 0x8040201008040201ULL;
    return (((apart + 0x7F7F7F7F7F7F7F7FULL) & 0x8080808080808080ULL) >> 7) * 0xFF;
}

/* The reverse: the least bits of eight octets. Both take the machine to be little-endian. */
static inline uint8_t gather(uint64_t octets)
{
    return (uint8_t)(((octets & 0x0101010101010101ULL) * 0x0102040810204080ULL) >> 56);
}

int lm_payload(const lm_sound *sound, int number, uint32_t frame, int codec, const uint8_t *stamp, uint8_t *payload)
{
    const struct voice *voice = &sound->voice[number];
    if (codec == LM_OPUS) {
        uint32_t length = voice->opus_at[frame + 1] - voice->opus_at[frame];
        memcpy(payload, voice->opus + voice->opus_at[frame], length - LM_STAMP_BYTES);
        memcpy(payload + length - LM_STAMP_BYTES, stamp, LM_STAMP_BYTES);
        return (int)length;
    }
    const uint8_t *zero = voice->law[codec == LM_PCMA][0] + (size_t)frame * LM_FRAME_SAMPLES_8K;
    const uint8_t *one = voice->law[codec == LM_PCMA][1] + (size_t)frame * LM_FRAME_SAMPLES_8K;
    for (int at = 0; at < LM_STAMP_BYTES; at++) {
        uint64_t low, high, mask = spread(stamp[at]);
        memcpy(&low, zero + at * 8, 8);
        memcpy(&high, one + at * 8, 8);
        low ^= (low ^ high) & mask;
        memcpy(payload + at * 8, &low, 8);
    }
    return LM_FRAME_SAMPLES_8K;
}

int lm_stamp_place(int codec, const uint8_t *payload, int length, uint8_t *stamp)
{
    if (codec == LM_OPUS) {
        /* Code 3, with padding of at least a stamp's length. */
        if (length < OPUS_HEAD + PADDING || (payload[0] & 3) != 3 || !(payload[1] & 0x40) || payload[2] < LM_STAMP_BYTES)
            return 0;
        memcpy(stamp, payload + length - LM_STAMP_BYTES, LM_STAMP_BYTES);
        return 1;
    }
    if (length != LM_FRAME_SAMPLES_8K)
        return 0;
    for (int at = 0; at < LM_STAMP_BYTES; at++) {
        uint64_t octets;
        memcpy(&octets, payload + at * 8, 8);
        stamp[at] = gather(octets);
    }
    return 1;
}
