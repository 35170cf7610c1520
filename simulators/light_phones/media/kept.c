/* What a stream heard, kept for a while as it came: the payloads that were in time, each behind its timestamp (32 bit) and
 * its length (16 bit), both in network order. And the decoder for those of Opus. */

#include <opus/opus.h>

#include "parts.h"

enum { HEAD = 6, LONGEST = 400, DECODED_HZ = 16000, LONGEST_FRAME = 1920 };

struct kept {
    int packets, octets;
    uint8_t data[];
};

int lm_keep(lm_stream *stream, int packets)
{
    int error = 0;
    pthread_mutex_lock(&stream->lock);
    if (stream->kept == NULL) {
        struct kept *kept = malloc(sizeof *kept + (size_t)packets * (HEAD + LONGEST));
        if (kept != NULL) {
            kept->packets = packets;
            kept->octets = 0;
        }
        stream->kept = kept;
        error = kept == NULL ? -ENOMEM : 0;
    }
    pthread_mutex_unlock(&stream->lock);
    return error;
}

void lm_kept_take(struct kept *kept, uint32_t timestamp, const uint8_t *payload, int length)
{
    if (kept->packets == 0 || length > LONGEST)
        return;
    kept->packets--;
    put32(kept->data + kept->octets, timestamp);
    put16(kept->data + kept->octets + 4, (uint16_t)length);
    memcpy(kept->data + kept->octets + HEAD, payload, (size_t)length);
    kept->octets += HEAD + length;
}

int lm_kept(lm_stream *stream, uint8_t *into, int most)
{
    int octets = 0;
    pthread_mutex_lock(&stream->lock);
    if (stream->kept != NULL) {
        octets = stream->kept->octets;
        if (into != NULL)
            memcpy(into, stream->kept->data, (size_t)(octets < most ? octets : most));
    }
    pthread_mutex_unlock(&stream->lock);
    return octets;
}

lm_decoder *lm_decoder_new(void)
{
    int error;
    return (lm_decoder *)opus_decoder_create(DECODED_HZ, 1, &error);
}

void lm_decoder_free(lm_decoder *decoder)
{
    if (decoder != NULL)
        opus_decoder_destroy((OpusDecoder *)decoder);
}

int lm_decode(lm_decoder *decoder, const uint8_t *payload, int length, int16_t *samples)
{
    int is_there = length > 0;
    return opus_decode((OpusDecoder *)decoder, is_there ? payload : NULL, length, samples,
                       is_there ? LONGEST_FRAME : LM_FRAME_SAMPLES_16K, 0);
}
