/* Part of parts.h. Who speaks in which call, told by tones: an identity that outlives another codec, unlike a stamp. */

#ifndef LM_TONES_H
#define LM_TONES_H

/* A symbol is one tone of each of two groups, for 60 ms; one marks the beginning of a word, seven are digits. */
#define TONE_GROUP 15
#define TONES (2 * TONE_GROUP)
#define TONE_DIGITS 14
#define TONE_MARK (TONE_DIGITS * TONE_DIGITS)
#define TONE_SYMBOLS (TONE_MARK + 1)
#define WORD_SYMBOLS 8
#define SYMBOL_FRAMES 3
#define WORD_FRAMES (WORD_SYMBOLS * SYMBOL_FRAMES)

struct identity {
    uint32_t call;
    uint8_t party;
};

/* The symbols of an identity, the mark first. They are sent again and again. */
void lm_tones_word(struct identity identity, uint8_t *word);
/* 1: symbols from the mark on are the word of an identity. */
int lm_tones_read(const uint8_t *word, struct identity *identity);
/* The sound of a symbol. sound holds SYMBOL_FRAMES * rate_hz / 50 samples. */
void lm_tones_sound(int symbol, int rate_hz, int16_t *sound);
double lm_tone_hz(int tone);
static inline int lm_tone_low(int symbol)
{
    return symbol == TONE_MARK ? TONE_DIGITS : symbol / TONE_DIGITS;
}
static inline int lm_tone_high(int symbol)
{
    return symbol == TONE_MARK ? TONE_DIGITS : symbol % TONE_DIGITS;
}

/* ---- listening */

struct listener;

/* NULL: out of memory. */
struct listener *lm_listener_new(void);
void lm_listener_free(struct listener *listener);

struct audio {
    int codec;
    const uint8_t *payload;
    int length;
    uint32_t ssrc;
    uint32_t timestamp;
    int64_t arrival_ns;
    const uint8_t *expected; /* word of whom it should be */
};

/* Hears a packet; packets that came too late to be in order are passed over. Returns how many identities were heard for
 * the first time by it, and which in found (LM_MOST_IDENTITIES at most). */
int lm_listener_take(struct listener *listener, const struct audio *audio, lm_tone_count *found);
void lm_listener_report(const struct listener *listener, lm_report *report);

#endif
