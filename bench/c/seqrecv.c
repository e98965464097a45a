/* SPDX-License-Identifier: Apache-2.0 */
/* nf-seqrecv: receives what nf-seqsend sent and says what became of it, byte by byte.
 * A TPACKET_V3 ring, so that a slow reader costs no packet; the time of a packet is the kernel's, not the reader's.
 * Prints "ready" once it listens and one line of JSON at its end. SIGTERM ends it after 300 ms without a packet. */
#include "util.h"
#include "seq.h"

#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define BLOCK_BYTES (1u << 20)
#define GAPS_MAX 64

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    stopped = 1;
}

struct flow {
    uint8_t *seen; /* one bit per sequence number */
    uint64_t bits, next, highest_plus_one, unique;
};

struct tally {
    struct flow flows[SEQ_FLOWS_MAX];
    uint64_t received, bytes, duplicated, reordered, corrupted, foreign;
    uint64_t first_ns, last_ns, longest_gap_ns, threshold_ns;
    uint64_t gap_at[GAPS_MAX], gap_ns[GAPS_MAX], gaps;
};

struct plan {
    const char *interface;
    uint64_t count, start, seconds, idle_ms;
    uint32_t flows, min, max, blocks;
    int cpu;
};

/* Grows the bitmap of a flow so that `sequence` has a bit. */
static void grow(struct flow *flow, uint64_t sequence)
{
    uint64_t bits = flow->bits ? flow->bits : 1 << 20;
    while (bits <= sequence)
        bits *= 2;
    if (bits == flow->bits)
        return;
    flow->seen = realloc(flow->seen, bits / 8);
    if (!flow->seen)
        die("realloc");
    memset(flow->seen + flow->bits / 8, 0, (bits - flow->bits) / 8);
    flow->bits = bits;
}

static void judge(struct tally *tally, const struct plan *plan, const uint8_t *data, uint32_t length, uint64_t at_ns)
{
    const struct seq_frame *f = (const struct seq_frame *)data;
    uint32_t flow_id = length >= SEQ_FRAME_MIN ? ntohl(f->flow) : SEQ_FLOWS_MAX;
    if (length < SEQ_FRAME_MIN || ntohl(f->magic) != SEQ_MAGIC || flow_id >= SEQ_FLOWS_MAX ||
        f->sequence < plan->start || f->sequence - plan->start >= 1ull << 32) {
        tally->foreign++;
        return;
    }
    static uint8_t expected[SEQ_FRAME_MAX];
    uint32_t wanted = seq_length(flow_id, f->sequence, plan->min, plan->max);
    if (length != wanted) {
        tally->corrupted++;
        return;
    }
    seq_write(expected, flow_id, f->sequence, wanted);
    if (memcmp(expected, data, wanted) != 0) {
        tally->corrupted++;
        return;
    }
    struct flow *flow = &tally->flows[flow_id];
    uint64_t index = f->sequence - plan->start;
    grow(flow, index);
    tally->received++;
    tally->bytes += length;
    uint8_t bit = (uint8_t)(1 << (index & 7));
    if (flow->seen[index / 8] & bit) {
        tally->duplicated++;
    } else {
        flow->seen[index / 8] |= bit;
        flow->unique++;
        if (index + 1 < flow->highest_plus_one)
            tally->reordered++;
    }
    if (index + 1 > flow->highest_plus_one)
        flow->highest_plus_one = index + 1;

    if (tally->first_ns == 0) {
        tally->first_ns = at_ns;
    } else if (at_ns > tally->last_ns) {
        uint64_t gap = at_ns - tally->last_ns;
        if (gap > tally->longest_gap_ns)
            tally->longest_gap_ns = gap;
        if (gap >= tally->threshold_ns) {
            if (tally->gaps < GAPS_MAX) {
                tally->gap_at[tally->gaps] = tally->last_ns - tally->first_ns;
                tally->gap_ns[tally->gaps] = gap;
            }
            tally->gaps++;
        }
    }
    tally->last_ns = at_ns;
}

static struct plan parse(int argc, char **argv, struct tally *tally)
{
    struct plan plan = {.count = 0, .flows = 1, .min = 60, .max = 60, .blocks = 128, .idle_ms = 0, .cpu = -1};
    tally->threshold_ns = 20 * 1000000ull;
    static const struct option options[] = {
        {"if", 1, 0, 'i'},   {"count", 1, 0, 'c'},   {"flows", 1, 0, 'f'},   {"size", 1, 0, 's'}, {"start", 1, 0, 'b'},
        {"cpu", 1, 0, 'u'},  {"seconds", 1, 0, 't'}, {"idle-ms", 1, 0, 'd'}, {"gap-ms", 1, 0, 'g'},
        {"ring-mib", 1, 0, 'r'}, {0, 0, 0, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'i': plan.interface = optarg; break;
        case 'c': plan.count = number("--count", optarg, 1, 1ull << 40); break;
        case 'f': plan.flows = (uint32_t)number("--flows", optarg, 1, SEQ_FLOWS_MAX); break;
        case 'b': plan.start = number("--start", optarg, 0, 1ull << 40); break;
        case 'u': plan.cpu = (int)number("--cpu", optarg, 0, 1023); break;
        case 't': plan.seconds = number("--seconds", optarg, 1, 86400); break;
        case 'd': plan.idle_ms = number("--idle-ms", optarg, 1, 3600000); break;
        case 'g': tally->threshold_ns = 1000000ull * number("--gap-ms", optarg, 1, 3600000); break;
        case 'r': plan.blocks = (uint32_t)number("--ring-mib", optarg, 4, 1024); break;
        case 's': {
            char *colon = strchr(optarg, ':');
            if (strcmp(optarg, "imix") == 0) {
                plan.max = 0;
                break;
            }
            if (colon)
                *colon++ = 0;
            plan.min = (uint32_t)number("--size", optarg, SEQ_FRAME_MIN, SEQ_FRAME_MAX);
            plan.max = colon ? (uint32_t)number("--size", colon, plan.min, SEQ_FRAME_MAX) : plan.min;
            break;
        }
        default: exit(2);
        }
    }
    if (!plan.interface) {
        fprintf(stderr, "usage: nf-seqrecv --if IF [--count N] [--flows N] [--size MIN[:MAX]|imix] [--start SEQ] "
                        "[--seconds N] [--idle-ms N] [--gap-ms N] [--ring-mib N] [--cpu N]\n");
        exit(2);
    }
    return plan;
}

static int open_ring(const struct plan *plan, uint8_t **ring)
{
    /* Protocol 0 until the ring stands: a packet must not arrive half-way. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket(AF_PACKET)");
    int version = TPACKET_V3;
    if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0)
        die("setsockopt(PACKET_VERSION)");
    struct tpacket_req3 request = {.tp_block_size = BLOCK_BYTES,
                                   .tp_block_nr = plan->blocks,
                                   .tp_frame_size = 2048,
                                   .tp_frame_nr = plan->blocks * (BLOCK_BYTES / 2048),
                                   .tp_retire_blk_tov = 20};
    if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0)
        die("setsockopt(PACKET_RX_RING)");
    *ring = mmap(NULL, (size_t)BLOCK_BYTES * plan->blocks, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (*ring == MAP_FAILED)
        die("mmap");
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(SEQ_ETHERTYPE),
                                  .sll_ifindex = (int)if_nametoindex(plan->interface)};
    if (address.sll_ifindex == 0)
        die("interface %s", plan->interface);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("bind(%s)", plan->interface);
    return fd;
}

static void report(const struct tally *tally, const struct plan *plan, int fd)
{
    struct tpacket_stats_v3 statistics = {0};
    socklen_t size = sizeof statistics;
    getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size);
    uint64_t unique = 0, expected = plan->count;
    for (int i = 0; i < SEQ_FLOWS_MAX; i++) {
        unique += tally->flows[i].unique;
        if (plan->count == 0)
            expected += tally->flows[i].highest_plus_one;
    }
    double seconds = (double)(tally->last_ns - tally->first_ns) / 1e9;
    printf("{\"received\":%llu,\"unique\":%llu,\"lost\":%lld,\"duplicated\":%llu,\"reordered\":%llu,\"corrupted\":%llu,"
           "\"foreign\":%llu,\"bytes\":%llu,\"receiver_dropped\":%u,\"seconds\":%.6f,"
           "\"longest_gap_ms\":%.3f,\"gap_count\":%llu,"
           "\"gaps\":[",
           (unsigned long long)tally->received, (unsigned long long)unique, (long long)(expected - unique),
           (unsigned long long)tally->duplicated, (unsigned long long)tally->reordered,
           (unsigned long long)tally->corrupted, (unsigned long long)tally->foreign, (unsigned long long)tally->bytes,
           statistics.tp_drops, seconds, (double)tally->longest_gap_ns / 1e6, (unsigned long long)tally->gaps);
    for (uint64_t i = 0; i < tally->gaps && i < GAPS_MAX; i++)
        printf("%s{\"at_ms\":%.3f,\"ms\":%.3f}", i ? "," : "", (double)tally->gap_at[i] / 1e6,
               (double)tally->gap_ns[i] / 1e6);
    printf("]}\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct tally tally;
    struct plan plan = parse(argc, argv, &tally);
    pin_to(plan.cpu);
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: poll must end */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    uint8_t *ring = NULL;
    int fd = open_ring(&plan, &ring);
    printf("ready\n");
    fflush(stdout);

    uint64_t began = now_ns(), last_seen = began, unique_target = plan.count;
    uint32_t block = 0;
    for (;;) {
        struct tpacket_block_desc *b = (struct tpacket_block_desc *)(ring + (size_t)block * BLOCK_BYTES);
        /* Acquire: the packets of the block were written before its status. */
        if ((__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) {
            uint64_t now = now_ns();
            if (plan.seconds && now - began > plan.seconds * 1000000000ull)
                break;
            if (stopped && now - last_seen > 300 * 1000000ull)
                break;
            if (plan.idle_ms && tally.received && now - last_seen > plan.idle_ms * 1000000ull)
                break;
            struct pollfd p = {.fd = fd, .events = POLLIN};
            poll(&p, 1, 50);
            continue;
        }
        struct tpacket3_hdr *h = (struct tpacket3_hdr *)((uint8_t *)b + b->hdr.bh1.offset_to_first_pkt);
        for (uint32_t i = 0; i < b->hdr.bh1.num_pkts; i++) {
            if (h->tp_snaplen == h->tp_len)
                judge(&tally, &plan, (uint8_t *)h + h->tp_mac, h->tp_len, h->tp_sec * 1000000000ull + h->tp_nsec);
            else
                tally.corrupted++;
            h = (struct tpacket3_hdr *)((uint8_t *)h + h->tp_next_offset);
        }
        last_seen = now_ns();
        /* Release: the kernel may write here only after we read it all. */
        __atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        block = (block + 1) % plan.blocks;
        uint64_t unique = 0;
        for (uint32_t i = 0; i < plan.flows; i++)
            unique += tally.flows[i].unique;
        if (unique_target && unique >= unique_target) {
            /* All are here; a short while more, for duplicates. */
            unique_target = 0;
            plan.idle_ms = 100;
        }
    }
    report(&tally, &plan, fd);
    return 0;
}
