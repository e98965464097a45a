/* SPDX-License-Identifier: Apache-2.0 */
/* Sequence-numbered frames: both ends derive every byte from (flow, sequence number), so that the receiver can
 * check a frame without having seen it. */
#ifndef NF_SEQ_H
#define NF_SEQ_H

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SEQ_ETHERTYPE 0x88b5 /* IEEE 802 local experimental 1 */
#define SEQ_MAGIC 0x4e465351u
#define SEQ_FRAME_MIN 60
#define SEQ_FRAME_MAX 9600
#define SEQ_FLOWS_MAX 64

struct seq_frame {
    uint8_t destination[6];
    uint8_t source[6];
    uint16_t ethertype;
    uint16_t length; /* of the whole frame */
    uint32_t magic;
    uint32_t flow;
    uint64_t sequence;
    uint8_t pattern[];
} __attribute__((packed));

static inline uint64_t seq_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

/* Writes the whole frame; length is between SEQ_FRAME_MIN and SEQ_FRAME_MAX. */
static inline void seq_write(uint8_t *frame, uint32_t flow, uint64_t sequence, uint32_t length)
{
    struct seq_frame *f = (struct seq_frame *)frame;
    static const uint8_t destination[6] = {0x02, 0x4e, 0x46, 0, 0, 2}, source[6] = {0x02, 0x4e, 0x46, 0, 0, 1};
    memcpy(f->destination, destination, 6);
    memcpy(f->source, source, 6);
    f->ethertype = htons(SEQ_ETHERTYPE);
    f->length = htons((uint16_t)length);
    f->magic = htonl(SEQ_MAGIC);
    f->flow = htonl(flow);
    f->sequence = sequence;
    uint64_t state = seq_mix(((uint64_t)flow << 48) ^ sequence);
    for (uint32_t at = (uint32_t)offsetof(struct seq_frame, pattern); at < length; at += 8) {
        uint32_t step = length - at < 8 ? length - at : 8;
        memcpy(frame + at, &state, step);
        state = state * 6364136223846793005ull + 1442695040888963407ull;
    }
}

/* How long frame `sequence` of `flow` is: between min and max, or IMIX (7:4:1 of 60, 590 and 1514) for max = 0. */
static inline uint32_t seq_length(uint32_t flow, uint64_t sequence, uint32_t min, uint32_t max)
{
    uint64_t draw = seq_mix(~(((uint64_t)flow << 48) ^ sequence));
    if (max == 0) {
        uint64_t die12 = draw % 12;
        return die12 < 7 ? 60 : die12 < 11 ? 590 : 1514;
    }
    return min + (uint32_t)(draw % (max - min + 1));
}

#endif
