/* Hears identities in sound of any codec.
 *
 * Sound is taken in blocks of 20 ms at 8 kHz, whose spectrum at the tones is kept. Three blocks make a window as long as
 * a symbol; it begins anew with each block, so that one in three windows is within 10 ms of a symbol, wherever that
 * begins. Of each window the strongest tone of either group is a symbol, and eight symbols in a row, from wherever in
 * the word, are an identity if the checksum holds. One is believed when it has been heard in two words that share no
 * window. From then on each symbol of it counts by itself: that is what gaps are measured by.
 *
 * A second voice beside a first is heard as what is left when the first one's tones are taken away: its next symbols are
 * known. Where both have the same tone nothing is left, and that tone is tried. Two that are as loud as each other and in
 * step hide one another; whoever is expected is then found by having all of its tones among the strong ones.
 */

#include <math.h>
#include <opus/opus.h>

#include "parts.h"

enum { BLOCK = LM_FRAME_SAMPLES_8K, LANES = 32, PAST = 32, NO_SYMBOL = 255, MOST_MISSING = 500, MOST_TRIES = 256 };
/* Opus costs ten times what G.711 does. When somebody is heard well it is listened to for 0.6 s in 3 s. */
enum { OPUS_AWAKE = 30, OPUS_RESTS = 120 };
/* A decoder that has missed some takes so many packets to be right again. */
enum { OPUS_WAKES = 2 };
/* The longest packet of Opus (120 ms). */
enum { MOST_SAMPLES = 960 };
/* Least share that a symbol's two tones have of a window's power. */
static const float PUREST = 0.15f;
/* A second voice's tone is no fainter than this beside the first's: below lie the sidelobes of that. */
static const float BESIDE = 0.06f;
/* The tones of one who is expected are no fainter than this beside the strongest of their group. */
static const float AMONG = 0.06f;
/* Weight of a window's first and last block, where the neighbouring symbols may reach in. */
static const float EDGE = 0.6f;
static const float SILENT = 400.0f; /* mean square; -64 dBov */

typedef float lanes __attribute__((vector_size(16)));
enum { VECTORS = LANES / 4 };

/* By sample, the cosines and the sines of all tones; and the turn of each from block to block. */
static _Alignas(16) float table[BLOCK][2][LANES];
static float turn[SYMBOL_FRAMES][2][LANES];
static pthread_once_t tabled = PTHREAD_ONCE_INIT;

struct block {
    _Alignas(16) float real[LANES], imaginary[LANES];
    float power;
    int is_there, rested;
};

/* What a window may be: for each group one tone, or two that are as likely. */
struct guess {
    uint8_t low[2], high[2];
    uint8_t lows, highs; /* 0: nothing is known */
    uint8_t certain;
};

struct voice_heard {
    lm_tone_count count;
    uint8_t word[WORD_SYMBOLS];
    int believed, told;
    int64_t phase; /* of the word's last symbol, modulo WORD_FRAMES */
    int64_t first, last; /* blocks, at whose end it was heard */
    int64_t first_rested; /* blocks that had not been listened to at first */
    int64_t untold; /* blocks after first of which nothing can be said, though they were listened to */
    uint32_t run; /* symbols in a row */
    uint32_t pending; /* of a run that is too short to count */
};

struct listener {
    OpusDecoder *decoder;
    int has_clock;
    uint32_t ssrc, next_timestamp;
    int codec;
    int64_t arrival_ns;
    float pending[BLOCK];
    int pending_count, pending_there;
    struct block last[SYMBOL_FRAMES];
    int64_t number; /* of the last block */
    int64_t listened, rested;
    int awake, resting;
    uint8_t symbol[PAST];
    struct guess beside[PAST];
    uint32_t strong[PAST]; /* by tone */
    uint8_t expected[WORD_SYMBOLS];
    int voices;
    struct voice_heard voice[LM_MOST_IDENTITIES];
};

static void make_tables(void)
{
    for (int tone = 0; tone < TONES; tone++) {
        double step = 2 * M_PI * lm_tone_hz(tone) / 8000;
        for (int at = 0; at < BLOCK; at++) {
            table[at][0][tone] = (float)cos(step * at);
            table[at][1][tone] = (float)-sin(step * at);
        }
        for (int block = 0; block < SYMBOL_FRAMES; block++) {
            turn[block][0][tone] = (float)cos(step * BLOCK * block);
            turn[block][1][tone] = (float)-sin(step * BLOCK * block);
        }
    }
}

struct listener *lm_listener_new(void)
{
    pthread_once(&tabled, make_tables);
    struct listener *listener = NULL;
    if (posix_memalign((void **)&listener, 16, sizeof *listener) != 0)
        return NULL;
    memset(listener, 0, sizeof *listener);
    memset(listener->symbol, NO_SYMBOL, sizeof listener->symbol);
    listener->number = PAST;
    return listener;
}

void lm_listener_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    if (listener->decoder != NULL)
        opus_decoder_destroy(listener->decoder);
    free(listener);
}

static void analyse(const float *samples, struct block *block)
{
    lanes sums[2][VECTORS];
    memset(sums, 0, sizeof sums);
    float power = 0;
    for (int at = 0; at < BLOCK; at++) {
        float sample = samples[at];
        const lanes *cosines = (const lanes *)table[at][0], *sines = (const lanes *)table[at][1];
        power += sample * sample;
        for (int lane = 0; lane < VECTORS; lane++) {
            sums[0][lane] += cosines[lane] * sample;
            sums[1][lane] += sines[lane] * sample;
        }
    }
    memcpy(block->real, sums[0], sizeof block->real);
    memcpy(block->imaginary, sums[1], sizeof block->imaginary);
    block->power = power / BLOCK;
    block->is_there = 1;
    block->rested = 0;
}

static const struct block *back(const struct listener *listener, int blocks)
{
    return &listener->last[(listener->number - blocks) % SYMBOL_FRAMES];
}

/* Mean squares of the tones in the window that ends now, and of all; 0: too little is there. */
static int look(const struct listener *listener, float *tones, float *all)
{
    static const float weights[SYMBOL_FRAMES] = {EDGE, 1.0f, EDGE};
    float sum = 0, squares = 0, power = 0, real[LANES] = {0}, imaginary[LANES] = {0};
    for (int at = 0; at < SYMBOL_FRAMES; at++) {
        const struct block *block = back(listener, SYMBOL_FRAMES - 1 - at);
        float weight = weights[at];
        if (!block->is_there)
            continue;
        sum += weight;
        squares += weight * weight;
        power += weight * weight * block->power;
        for (int tone = 0; tone < LANES; tone++) {
            float c = turn[at][0][tone] * weight, s = turn[at][1][tone] * weight;
            real[tone] += block->real[tone] * c - block->imaginary[tone] * s;
            imaginary[tone] += block->real[tone] * s + block->imaginary[tone] * c;
        }
    }
    if (sum < 1.0f || power < SILENT * squares)
        return 0;
    float scale = 2.0f / (sum * BLOCK * sum * BLOCK);
    for (int tone = 0; tone < LANES; tone++)
        tones[tone] = (real[tone] * real[tone] + imaginary[tone] * imaginary[tone]) * scale;
    *all = power / squares;
    return 1;
}

static int strongest(const float *tones, uint32_t without)
{
    int best = -1;
    for (int tone = 0; tone < TONE_GROUP; tone++)
        if (!(without >> tone & 1) && (best < 0 || tones[tone] > tones[best]))
            best = tone;
    return best;
}

static uint8_t symbol_of(int low, int high)
{
    if (low == TONE_DIGITS && high == TONE_DIGITS)
        return TONE_MARK;
    return (uint8_t)(low == TONE_DIGITS || high == TONE_DIGITS ? NO_SYMBOL : low * TONE_DIGITS + high);
}

/* ---- whose words they are */

/* Blocks that were listened to up to now. */
static int64_t by_now(const struct listener *listener)
{
    return listener->number - listener->rested;
}

static struct voice_heard *voice_of(struct listener *listener, struct identity identity)
{
    for (int at = 0; at < listener->voices; at++)
        if (listener->voice[at].count.call == identity.call && listener->voice[at].count.party == identity.party)
            return &listener->voice[at];
    int at = listener->voices;
    if (at == LM_MOST_IDENTITIES) {
        /* One that was not believed was chance. */
        for (at = 0; at < LM_MOST_IDENTITIES && listener->voice[at].believed; at++)
            ;
        if (at == LM_MOST_IDENTITIES)
            return NULL;
    } else {
        listener->voices++;
    }
    struct voice_heard *voice = &listener->voice[at];
    memset(voice, 0, sizeof *voice);
    voice->count.call = identity.call;
    voice->count.party = identity.party;
    voice->first = voice->last = -1;
    return voice;
}

/* It was heard in what ends now, for so many blocks. */
static void extend(struct listener *listener, struct voice_heard *voice, int64_t blocks)
{
    int64_t end = by_now(listener), begin = end - blocks;
    if (voice->first < 0) {
        voice->first = listener->number - blocks;
        voice->first_rested = listener->rested;
        voice->last = begin;
    }
    int64_t gap = begin - voice->last;
    if (gap > 0 && (uint64_t)gap > voice->count.longest_gap)
        voice->count.longest_gap = (uint64_t)gap;
    voice->count.frames += (uint64_t)(gap > 0 ? blocks : end - voice->last);
    voice->last = end;
    voice->count.last_ns = listener->arrival_ns;
}

static void heard_word(struct listener *listener, struct identity identity, int to_end)
{
    struct voice_heard *voice = voice_of(listener, identity);
    if (voice == NULL)
        return;
    int64_t phase = (listener->number + to_end * SYMBOL_FRAMES) % WORD_FRAMES;
    if (voice->first < 0)
        lm_tones_word(identity, voice->word);
    /* Two neighbouring windows often have the same symbols; whichever is followed is right. */
    if (voice->run < 2)
        voice->phase = phase;
    if (voice->first >= 0 && !voice->believed) {
        int64_t apart = listener->number - voice->first;
        voice->believed = apart >= 2 * WORD_FRAMES;
        if (voice->believed)
            voice->count.first_ns = listener->arrival_ns - apart * FRAME_NS;
    }
    if (voice->phase == phase) {
        int64_t unheard = by_now(listener) - voice->last;
        extend(listener, voice, voice->first < 0 || unheard > WORD_FRAMES ? WORD_FRAMES : unheard);
        voice->run = WORD_SYMBOLS;
        voice->pending = 0;
    }
}

static void read_words(struct listener *listener)
{
    uint8_t ring[WORD_SYMBOLS], word[WORD_SYMBOLS];
    int mark = -1;
    for (int at = 0; at < WORD_SYMBOLS; at++) {
        ring[at] = listener->symbol[(listener->number - (WORD_SYMBOLS - 1 - at) * SYMBOL_FRAMES) % PAST];
        if (ring[at] == NO_SYMBOL)
            return;
        if (ring[at] == TONE_MARK)
            mark = mark < 0 ? at : WORD_SYMBOLS;
    }
    if (mark < 0 || mark == WORD_SYMBOLS)
        return;
    for (int at = 0; at < WORD_SYMBOLS; at++)
        word[at] = ring[(mark + at) % WORD_SYMBOLS];
    struct identity identity;
    if (lm_tones_read(word, &identity))
        heard_word(listener, identity, mark);
}

/* The words that guesses allow, as long as they are few. */
static void read_guesses(struct listener *listener)
{
    const struct guess *ring[WORD_SYMBOLS];
    int certain = 0, tries = 1;
    for (int at = 0; at < WORD_SYMBOLS; at++) {
        ring[at] = &listener->beside[(listener->number - (WORD_SYMBOLS - 1 - at) * SYMBOL_FRAMES) % PAST];
        if (ring[at]->lows == 0 || ring[at]->highs == 0)
            return;
        certain += ring[at]->certain;
        tries *= ring[at]->lows * ring[at]->highs;
        if (tries > MOST_TRIES)
            return;
    }
    if (certain < WORD_SYMBOLS / 2)
        return;
    for (int mark = 0; mark < WORD_SYMBOLS; mark++)
        for (int attempt = 0; attempt < tries; attempt++) {
            uint8_t word[WORD_SYMBOLS];
            int rest = attempt;
            for (int at = 0; at < WORD_SYMBOLS; at++) {
                const struct guess *guess = ring[(mark + at) % WORD_SYMBOLS];
                int low = guess->low[rest % guess->lows];
                rest /= guess->lows;
                int high = guess->high[rest % guess->highs];
                rest /= guess->highs;
                word[at] = symbol_of(low, high);
                if ((word[at] == TONE_MARK) != (at == 0) || word[at] == NO_SYMBOL)
                    break;
                struct identity identity;
                if (at == WORD_SYMBOLS - 1 && lm_tones_read(word, &identity))
                    heard_word(listener, identity, mark);
            }
        }
}

static int well_heard(const struct listener *listener)
{
    for (int at = 0; at < listener->voices; at++)
        if (listener->voice[at].believed && listener->voice[at].run >= 2)
            return 1;
    return 0;
}

static void read_expected(struct listener *listener)
{
    struct identity identity;
    if (well_heard(listener) || !lm_tones_read(listener->expected, &identity))
        return;
    for (int mark = 0; mark < WORD_SYMBOLS; mark++) {
        int at = 0;
        for (; at < WORD_SYMBOLS; at++) {
            int symbol = listener->expected[at], place = (mark + at) % WORD_SYMBOLS;
            uint32_t tones = 1u << lm_tone_low(symbol) | 1u << (TONE_GROUP + lm_tone_high(symbol));
            uint32_t strong = listener->strong[(listener->number - (WORD_SYMBOLS - 1 - place) * SYMBOL_FRAMES) % PAST];
            if ((strong & tones) != tones)
                break;
        }
        if (at == WORD_SYMBOLS)
            heard_word(listener, identity, mark);
    }
}

static int among(const uint8_t *tones, int count, int tone)
{
    return (count > 0 && tones[0] == tone) || (count > 1 && tones[1] == tone);
}

/* Where in its word a voice is at the window that ends now; whether it is at that symbol's end. */
static int position(const struct listener *listener, const struct voice_heard *voice, int *past)
{
    int64_t since = ((listener->number - voice->phase) % WORD_FRAMES + WORD_FRAMES) % WORD_FRAMES;
    *past = (int)(since % SYMBOL_FRAMES);
    return (int)((since / SYMBOL_FRAMES + WORD_SYMBOLS - 1) % WORD_SYMBOLS);
}

/* Each symbol of a voice that is believed counts; one alone after a gap may be chance. */
static void follow(struct listener *listener)
{
    uint8_t symbol = listener->symbol[listener->number % PAST];
    uint32_t strong = listener->strong[listener->number % PAST];
    const struct guess *beside = &listener->beside[listener->number % PAST];
    for (int at = 0; at < listener->voices; at++) {
        struct voice_heard *voice = &listener->voice[at];
        int past, place = position(listener, voice, &past);
        if (!voice->believed || past != 0)
            continue;
        int low = lm_tone_low(voice->word[place]), high = lm_tone_high(voice->word[place]);
        uint32_t both = 1u << low | 1u << (TONE_GROUP + high);
        int expected = (strong & both) == both && memcmp(voice->word, listener->expected, WORD_SYMBOLS) == 0;
        if (symbol == voice->word[place] || expected ||
            (among(beside->low, beside->lows, low) && among(beside->high, beside->highs, high))) {
            voice->run++;
            voice->pending += SYMBOL_FRAMES;
            if (voice->run >= 2) {
                if (by_now(listener) > voice->last)
                    extend(listener, voice, voice->pending);
                voice->pending = 0;
            }
        } else {
            voice->run = 0;
            voice->pending = 0;
        }
    }
}

/* ---- windows */

static struct guess what_is_left(const struct listener *listener, const float *tones)
{
    struct guess guess = {0};
    const struct voice_heard *first = NULL;
    for (int at = 0; at < listener->voices; at++)
        if (listener->voice[at].believed && listener->voice[at].run >= 2 &&
            (first == NULL || listener->voice[at].count.frames > first->count.frames))
            first = &listener->voice[at];
    if (first == NULL)
        return guess;
    int past, place = position(listener, first, &past);
    uint8_t here = first->word[place], next = first->word[(place + 1) % WORD_SYMBOLS];
    uint32_t lows = 1u << lm_tone_low(here), highs = 1u << lm_tone_high(here);
    guess.low[0] = (uint8_t)lm_tone_low(here);
    guess.high[0] = (uint8_t)lm_tone_high(here);
    guess.lows = guess.highs = 1;
    if (past != 0) {
        lows |= 1u << lm_tone_low(next);
        highs |= 1u << lm_tone_high(next);
        guess.low[1] = (uint8_t)lm_tone_low(next);
        guess.high[1] = (uint8_t)lm_tone_high(next);
        guess.lows = guess.low[0] == guess.low[1] ? 1 : 2;
        guess.highs = guess.high[0] == guess.high[1] ? 1 : 2;
    }
    const float *above = tones + TONE_GROUP;
    float level = tones[strongest(tones, ~lows)] > above[strongest(above, ~highs)] ? tones[strongest(tones, ~lows)]
                                                                                  : above[strongest(above, ~highs)];
    int low = strongest(tones, lows), high = strongest(above, highs), certain = 0;
    if (tones[low] > BESIDE * level) {
        guess.low[0] = (uint8_t)low;
        guess.lows = 1;
        certain++;
    }
    if (above[high] > BESIDE * level) {
        guess.high[0] = (uint8_t)high;
        guess.highs = 1;
        certain++;
    }
    guess.certain = certain == 2;
    return guess;
}

/* The tones of a group that are about as strong as its strongest. */
static uint32_t strong_ones(const float *tones, int strongest, float all)
{
    uint32_t found = 0;
    for (int tone = 0; tone < TONE_GROUP; tone++)
        if (tones[tone] > AMONG * tones[strongest] && tones[tone] > PUREST / 4 * all)
            found |= 1u << tone;
    return found;
}

/* A window that is listened to in part says nothing, for or against anybody. */
static int is_cut(struct listener *listener)
{
    if (!back(listener, 0)->rested && !back(listener, 1)->rested && !back(listener, 2)->rested)
        return 0;
    for (int at = 0; at < listener->voices; at++) {
        struct voice_heard *voice = &listener->voice[at];
        if (voice->run >= 2) {
            voice->untold += by_now(listener) - voice->last;
            voice->last = by_now(listener);
        }
    }
    return 1;
}

static void end_block(struct listener *listener)
{
    int place = (int)(listener->number % PAST);
    float tones[LANES], all;
    listener->symbol[place] = NO_SYMBOL;
    listener->strong[place] = 0;
    memset(&listener->beside[place], 0, sizeof listener->beside[place]);
    if (is_cut(listener))
        return;
    if (look(listener, tones, &all)) {
        const float *above = tones + TONE_GROUP;
        int low = strongest(tones, 0), high = strongest(above, 0);
        if (tones[low] + above[high] > PUREST * all)
            listener->symbol[place] = symbol_of(low, high);
        listener->strong[place] = strong_ones(tones, low, all) | strong_ones(above, high, all) << TONE_GROUP;
        listener->beside[place] = what_is_left(listener, tones);
        read_words(listener);
        read_expected(listener);
        read_guesses(listener);
    }
    follow(listener);
}

static void pass_block(struct listener *listener, const float *samples)
{
    listener->number++;
    struct block *block = &listener->last[listener->number % SYMBOL_FRAMES];
    if (samples != NULL)
        analyse(samples, block);
    else
        block->is_there = block->rested = 0;
    listener->listened++;
    end_block(listener);
}

static void hear(struct listener *listener, const int16_t *samples, int count)
{
    for (int at = 0; at < count; at++) {
        listener->pending[listener->pending_count++] = samples[at];
        if (listener->pending_count == BLOCK) {
            listener->pending_count = 0;
            pass_block(listener, listener->pending);
        }
    }
}

/* Time passes in which nothing is listened to. */
static void rest(struct listener *listener)
{
    listener->number++;
    listener->rested++;
    struct block *block = &listener->last[listener->number % SYMBOL_FRAMES];
    block->is_there = 0;
    block->rested = 1;
    listener->symbol[listener->number % PAST] = NO_SYMBOL;
    listener->strong[listener->number % PAST] = 0;
    memset(&listener->beside[listener->number % PAST], 0, sizeof listener->beside[0]);
}

/* Fills what is missing before a packet; 0: the packet is too late. */
static int catch_up(struct listener *listener, const struct audio *audio)
{
    uint32_t per_block = audio->codec == LM_OPUS ? 960 : BLOCK;
    int32_t missing = (int32_t)(audio->timestamp - listener->next_timestamp);
    if (!listener->has_clock || listener->ssrc != audio->ssrc || listener->codec != audio->codec ||
        missing > (int32_t)(MOST_MISSING * per_block) || missing < -(int32_t)(MOST_MISSING * per_block)) {
        listener->has_clock = 1;
        listener->ssrc = audio->ssrc;
        listener->codec = audio->codec;
        listener->pending_count = 0;
        pass_block(listener, NULL);
        return 1;
    }
    if (missing < 0)
        return 0;
    /* Whole blocks only: packets of other lengths keep their place to within one. */
    for (; missing >= (int32_t)per_block; missing -= (int32_t)per_block) {
        if (listener->resting > 0) {
            listener->resting--;
            rest(listener);
        } else {
            pass_block(listener, NULL);
        }
    }
    return 1;
}

static int decode(struct listener *listener, const struct audio *audio, int16_t *samples)
{
    if (audio->codec != LM_OPUS) {
        int count = audio->length < MOST_SAMPLES ? audio->length : MOST_SAMPLES;
        lm_law_decode(audio->codec, audio->payload, count, samples);
        return count;
    }
    if (listener->decoder == NULL) {
        int error;
        listener->decoder = opus_decoder_create(8000, 1, &error);
        if (listener->decoder == NULL)
            return 0;
    }
    return opus_decode(listener->decoder, audio->payload, audio->length, samples, MOST_SAMPLES, 0);
}

static int take_opus(struct listener *listener, const struct audio *audio, int16_t *samples)
{
    int count = opus_packet_get_nb_samples(audio->payload, audio->length, 8000);
    if (listener->resting > 0) {
        if (listener->resting <= OPUS_WAKES)
            decode(listener, audio, samples);
        for (int at = 0; at < count; at += BLOCK)
            rest(listener);
        listener->resting -= count / BLOCK;
        return count;
    }
    count = decode(listener, audio, samples);
    if (count > 0)
        hear(listener, samples, count);
    if (++listener->awake >= OPUS_AWAKE && well_heard(listener)) {
        listener->awake = 0;
        listener->resting = OPUS_RESTS;
    }
    return count;
}

int lm_listener_take(struct listener *listener, const struct audio *audio, lm_tone_count *found)
{
    int16_t samples[MOST_SAMPLES];
    if (audio->length == 0 || !catch_up(listener, audio))
        return 0;
    listener->arrival_ns = audio->arrival_ns;
    memcpy(listener->expected, audio->expected, WORD_SYMBOLS);
    int count;
    if (audio->codec == LM_OPUS) {
        count = take_opus(listener, audio, samples);
        listener->next_timestamp = audio->timestamp + (uint32_t)(count > 0 ? count * 6 : 0);
    } else {
        count = decode(listener, audio, samples);
        hear(listener, samples, count);
        listener->next_timestamp = audio->timestamp + (uint32_t)count;
    }
    int fresh = 0;
    for (int at = 0; at < listener->voices; at++) {
        struct voice_heard *voice = &listener->voice[at];
        if (voice->believed && !voice->told) {
            voice->told = 1;
            found[fresh++] = voice->count;
        }
    }
    return fresh;
}

void lm_listener_report(const struct listener *listener, lm_report *report)
{
    report->tones_listened = (uint64_t)listener->listened;
    for (int at = 0; at < listener->voices; at++) {
        const struct voice_heard *voice = &listener->voice[at];
        if (!voice->believed)
            continue;
        lm_tone_count *count = &report->tone[report->tones++];
        *count = voice->count;
        count->listened = (uint64_t)(voice->last - (voice->first - voice->first_rested) - voice->untold);
    }
}
