/* Stamps: who said this packet, in which call, the how manieth it is, and when it was sent. */

#include "parts.h"

static const uint8_t MAGIC[3] = {0xA7, 0x5C, 0x3D};

/* Not for secrecy: chance must not make a stamp of other sound. With the magic, 56 bits would have to agree. */
static uint32_t checksum(const uint8_t *octets)
{
    uint64_t first, second;
    memcpy(&first, octets, 8);
    memcpy(&second, octets + 8, 8);
    first = (first ^ 0x9E3779B97F4A7C15ULL) * 0xBF58476D1CE4E5B9ULL;
    first ^= first >> 29;
    second = (second ^ first) * 0x94D049BB133111EBULL;
    return (uint32_t)(second >> 32);
}

void lm_stamp_write(const struct stamp *stamp, uint8_t *octets)
{
    memcpy(octets, MAGIC, sizeof MAGIC);
    octets[3] = stamp->party;
    put32(octets + 4, stamp->call);
    put32(octets + 8, stamp->number);
    put32(octets + 12, stamp->sent_us);
    put32(octets + 16, checksum(octets));
}

int lm_stamp_read(const uint8_t *octets, struct stamp *stamp)
{
    if (memcmp(octets, MAGIC, sizeof MAGIC) != 0 || get32(octets + 16) != checksum(octets))
        return 0;
    stamp->party = octets[3];
    stamp->call = get32(octets + 4);
    stamp->number = get32(octets + 8);
    stamp->sent_us = get32(octets + 12);
    return 1;
}
