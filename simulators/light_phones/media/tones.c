/* Identities as words of tones, and their sound.
 *
 * The tones are harness.audio.beacon's: all codecs of telephony carry them, they lie apart from call progress, fax and
 * special information tones, and from one another's harmonics. Of a symbol's two tones the lower is below 2.1 kHz and
 * the higher above, and none is a tone of a key: they are no DTMF digit, whatever symbols follow each other.
 *
 * A word has 33 bits of identity and 20 of checksum, in seven digits of base 196. Bits are mixed by the checksum, so
 * that calls whose numbers follow each other have words that differ nearly everywhere.
 */

#include <math.h>

#include "parts.h"

enum { IDENTITY_BITS = 33, CHECK_BITS = 20, RAMP_MS = 5, AMPLITUDE = 6500 };
static const uint64_t IDENTITY_MASK = (1ULL << IDENTITY_BITS) - 1, CHECK_MASK = (1ULL << CHECK_BITS) - 1;

static const int HZ[TONES] = {
    547,  647,  727,  803,  889,  1049, 1177, 1259, 1537, 1673, 1753, 1831, 1913, 1989, 2067,
    2143, 2219, 2301, 2379, 2463, 2543, 2621, 2701, 2783, 2873, 2951, 3029, 3107, 3189, 3269,
};

double lm_tone_hz(int tone)
{
    return HZ[tone];
}

/* splitmix64's finish. */
static uint64_t mixed(uint64_t value)
{
    value += 0x9E3779B97F4A7C15ULL;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31);
}

void lm_tones_word(struct identity identity, uint8_t *word)
{
    uint64_t bits = (uint64_t)(identity.party & 1) << 32 | identity.call;
    uint64_t check = mixed(bits) & CHECK_MASK;
    uint64_t rest = check << IDENTITY_BITS | ((bits ^ mixed(~check)) & IDENTITY_MASK);
    word[0] = TONE_MARK;
    for (int at = 1; at < WORD_SYMBOLS; at++) {
        word[at] = (uint8_t)(rest % TONE_MARK);
        rest /= TONE_MARK;
    }
}

int lm_tones_read(const uint8_t *word, struct identity *identity)
{
    uint64_t whole = 0;
    if (word[0] != TONE_MARK)
        return 0;
    for (int at = WORD_SYMBOLS - 1; at > 0; at--) {
        if (word[at] >= TONE_MARK)
            return 0;
        whole = whole * TONE_MARK + word[at];
    }
    uint64_t check = whole >> IDENTITY_BITS;
    uint64_t bits = (whole ^ mixed(~check)) & IDENTITY_MASK;
    if (check != (mixed(bits) & CHECK_MASK))
        return 0;
    identity->call = (uint32_t)bits;
    identity->party = (uint8_t)(bits >> 32);
    return 1;
}

void lm_tones_sound(int symbol, int rate_hz, int16_t *sound)
{
    int samples = SYMBOL_FRAMES * rate_hz / 50, ramp = RAMP_MS * rate_hz / 1000;
    double low = 2 * M_PI * HZ[lm_tone_low(symbol)] / rate_hz;
    double high = 2 * M_PI * HZ[TONE_GROUP + lm_tone_high(symbol)] / rate_hz;
    for (int at = 0; at < samples; at++) {
        int to_end = samples - 1 - at, edge = at < to_end ? at : to_end;
        double level = edge < ramp ? 0.5 - 0.5 * cos(M_PI * (edge + 0.5) / ramp) : 1.0;
        sound[at] = (int16_t)lrint(AMPLITUDE * level * (sin(low * at) + sin(high * at)));
    }
}
