/* SPDX-License-Identifier: Apache-2.0 */
/* xsk-min: the least a C program can do with AF_XDP sockets, as the floor of the bench. No statistics but one count,
 * no checks, no sleep: poll, move descriptors, kick.
 *   drop IF          receive and count
 *   loop IF          send back where it came from
 *   forward IF IF2   send what arrives on IF out of IF2 (one UMEM)
 * SIGUSR1 prints one line of JSON and counts from zero again; SIGTERM prints and ends. */
#include "util.h"
#include "bpf.h"

#include <linux/if_xdp.h>
#include <net/if.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define CHUNK 2048u
#define CHUNKS 8192u
#define RING 2048u
#define FILL (RING * 2)
#define BURST 64u
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

static volatile sig_atomic_t stopped, asked;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        asked = 1;
    else
        stopped = 1;
}

static void report(uint64_t packets, uint64_t sent, uint64_t busy)
{
    printf("{\"packets\":%llu,\"sent\":%llu,\"busy_ns\":%llu}\n", (unsigned long long)packets, (unsigned long long)sent,
           (unsigned long long)busy);
    fflush(stdout);
}

struct ring {
    uint32_t *producer, *consumer, *flags;
    void *slots;
    uint32_t size, mine, theirs; /* mine: our index; theirs: the last we saw of the other end */
};

struct port {
    int fd;
    struct ring fill, completion, rx, tx;
};

static uint8_t *memory;

static struct ring map_ring(int fd, const struct xdp_ring_offset *offset, uint32_t size, uint32_t slot, uint64_t page)
{
    uint8_t *base = mmap(NULL, offset->desc + (size_t)size * slot, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                         fd, (off_t)page);
    if (base == MAP_FAILED)
        die("mmap ring");
    return (struct ring){.producer = (uint32_t *)(base + offset->producer),
                         .consumer = (uint32_t *)(base + offset->consumer),
                         .flags = (uint32_t *)(base + offset->flags),
                         .slots = base + offset->desc,
                         .size = size};
}

static void option(int fd, int name, const void *value, socklen_t size)
{
    if (setsockopt(fd, SOL_XDP, name, value, size) != 0)
        die("setsockopt(SOL_XDP, %d)", name);
}

static struct port open_port(const char *interface, const struct port *owner)
{
    struct port port = {.fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)};
    if (port.fd < 0)
        die("socket(AF_XDP)");
    if (!owner) {
        memory = mmap(NULL, (size_t)CHUNK * CHUNKS, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (memory == MAP_FAILED)
            die("mmap umem");
        struct xdp_umem_reg reg = {
            .addr = (uint64_t)(uintptr_t)memory, .len = (uint64_t)CHUNK * CHUNKS, .chunk_size = CHUNK};
        option(port.fd, XDP_UMEM_REG, &reg, sizeof reg);
    }
    uint32_t fill = FILL, ring = RING;
    option(port.fd, XDP_UMEM_FILL_RING, &fill, sizeof fill);
    option(port.fd, XDP_UMEM_COMPLETION_RING, &ring, sizeof ring);
    option(port.fd, XDP_RX_RING, &ring, sizeof ring);
    option(port.fd, XDP_TX_RING, &ring, sizeof ring);
    uint32_t budget = 256;
    setsockopt(port.fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof budget); /* since 6.17 */
    int bytes = 64 << 20;
    setsockopt(port.fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    struct xdp_mmap_offsets offsets;
    socklen_t size = sizeof offsets;
    if (getsockopt(port.fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) != 0)
        die("getsockopt(XDP_MMAP_OFFSETS)");
    port.fill = map_ring(port.fd, &offsets.fr, FILL, 8, XDP_UMEM_PGOFF_FILL_RING);
    port.completion = map_ring(port.fd, &offsets.cr, RING, 8, XDP_UMEM_PGOFF_COMPLETION_RING);
    port.rx = map_ring(port.fd, &offsets.rx, RING, 16, XDP_PGOFF_RX_RING);
    port.tx = map_ring(port.fd, &offsets.tx, RING, 16, XDP_PGOFF_TX_RING);
    struct sockaddr_xdp address = {.sxdp_family = AF_XDP,
                                   .sxdp_ifindex = if_nametoindex(interface),
                                   .sxdp_flags = owner ? XDP_SHARED_UMEM : XDP_COPY | XDP_USE_NEED_WAKEUP,
                                   .sxdp_shared_umem_fd = owner ? (uint32_t)owner->fd : 0};
    if (bind(port.fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("bind(%s)", interface);
    int map = bpf_map(BPF_MAP_TYPE_XSKMAP, 4, 1);
    bpf_set(map, 0, (uint32_t)port.fd);
    bpf_attach_xdp(bpf_redirect_program(map, 1), address.sxdp_ifindex);
    return port;
}

static inline uint32_t available(struct ring *r)
{
    r->theirs = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
    uint32_t n = r->theirs - r->mine;
    return n < BURST ? n : BURST;
}

static inline void give_back(struct ring *fill, const uint64_t *chunks, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        ((uint64_t *)fill->slots)[(fill->mine + i) & (fill->size - 1)] = chunks[i];
    fill->mine += n;
    __atomic_store_n(fill->producer, fill->mine, __ATOMIC_RELEASE);
}

static inline uint32_t take_completions(struct port *from, struct ring *fill)
{
    uint64_t chunks[BURST];
    uint32_t n = available(&from->completion);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t address = ((uint64_t *)from->completion.slots)[(from->completion.mine + i) & (RING - 1)];
        chunks[i] = address & ~(uint64_t)(CHUNK - 1);
    }
    if (n) {
        from->completion.mine += n;
        __atomic_store_n(from->completion.consumer, from->completion.mine, __ATOMIC_RELEASE);
        give_back(fill, chunks, n);
    }
    return n;
}

int main(int argc, char **argv)
{
    int forward = argc == 5 && strcmp(argv[2], "forward") == 0;
    int drop = argc == 4 && strcmp(argv[2], "drop") == 0;
    if (!forward && !drop && !(argc == 4 && strcmp(argv[2], "loop") == 0)) {
        fprintf(stderr, "usage: xsk-min CPU drop IF | CPU loop IF | CPU forward IF IF2\n");
        return 2;
    }
    pin_to((int)number("CPU", argv[1], 0, 1023));
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGUSR1, on_signal);
    struct port in = open_port(argv[3], NULL), second = {0};
    if (forward)
        second = open_port(argv[4], &in);
    struct port *out = forward ? &second : &in;
    uint64_t chunk[FILL];
    for (uint32_t i = 0; i < FILL; i++)
        chunk[i] = (uint64_t)i * CHUNK;
    give_back(&in.fill, chunk, FILL);
    printf("ready\n");
    fflush(stdout);

    uint64_t packets = 0, sent = 0, busy = 0;
    while (!stopped) {
        uint64_t began = now_ns();
        uint32_t n = available(&in.rx), work = n;
        struct xdp_desc *rx = in.rx.slots;
        if (drop) {
            uint64_t chunks[BURST];
            for (uint32_t i = 0; i < n; i++)
                chunks[i] = rx[(in.rx.mine + i) & (RING - 1)].addr & ~(uint64_t)(CHUNK - 1);
            if (n)
                give_back(&in.fill, chunks, n);
        } else {
            uint32_t room = RING - (out->tx.mine - __atomic_load_n(out->tx.consumer, __ATOMIC_ACQUIRE));
            if (n > room)
                n = room;
            struct xdp_desc *tx = out->tx.slots;
            for (uint32_t i = 0; i < n; i++)
                tx[(out->tx.mine + i) & (RING - 1)] = rx[(in.rx.mine + i) & (RING - 1)];
            out->tx.mine += n;
            __atomic_store_n(out->tx.producer, out->tx.mine, __ATOMIC_RELEASE);
            if (out->tx.mine != __atomic_load_n(out->tx.consumer, __ATOMIC_RELAXED)) {
                sendto(out->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
                work++;
            }
            uint32_t done = take_completions(out, &in.fill);
            sent += done;
            work += done;
        }
        if (n) {
            in.rx.mine += n;
            __atomic_store_n(in.rx.consumer, in.rx.mine, __ATOMIC_RELEASE);
        }
        packets += n;
        if (work)
            busy += now_ns() - began;
        if (asked) {
            report(packets, sent, busy);
            asked = 0;
            packets = sent = busy = 0;
        }
    }
    report(packets, sent, busy);
    return 0;
}
