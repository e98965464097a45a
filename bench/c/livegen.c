/* SPDX-License-Identifier: Apache-2.0 */
/* nf-livegen: makes packets inside the kernel (BPF_PROG_RUN, live frames) as fast as one CPU can.
 *   --prog-id ID --if IF   runs the XDP program ID as if the frames had arrived on queue 0 of IF: they go straight to
 *                          what the program says, as a rule an AF_XDP socket, whoever owns it.
 *   --out IF               sends them out of IF (a veth whose peer has a native XDP program): a wire.
 * Several million a second either way, so that whoever receives is the limit. */
#include "util.h"
#include "bpf.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <net/if.h>
#include <signal.h>

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    stopped = 1;
}

struct plan {
    const char *interface;
    uint64_t count, pps, seconds;
    uint32_t program, size, batch;
    int wire, cpu;
};

static struct plan parse(int argc, char **argv)
{
    struct plan plan = {.size = 60, .batch = 64, .cpu = -1};
    static const struct option options[] = {{"if", 1, 0, 'i'},    {"out", 1, 0, 'o'},   {"prog-id", 1, 0, 'g'},
                                            {"count", 1, 0, 'c'}, {"pps", 1, 0, 'p'},   {"seconds", 1, 0, 't'},
                                            {"size", 1, 0, 's'},  {"batch", 1, 0, 'b'}, {"cpu", 1, 0, 'u'},
                                            {0, 0, 0, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'o': plan.wire = 1; /* fall through */
        case 'i': plan.interface = optarg; break;
        case 'g': plan.program = (uint32_t)number("--prog-id", optarg, 1, UINT32_MAX); break;
        case 'c': plan.count = number("--count", optarg, 1, 1ull << 40); break;
        case 'p': plan.pps = number("--pps", optarg, 1000, 100000000); break;
        case 't': plan.seconds = number("--seconds", optarg, 1, 3600); break;
        case 's': plan.size = (uint32_t)number("--size", optarg, 60, 1514); break;
        case 'b': plan.batch = (uint32_t)number("--batch", optarg, 1, 256); break;
        case 'u': plan.cpu = (int)number("--cpu", optarg, 0, 1023); break;
        default: exit(2);
        }
    }
    if (!plan.interface || (!plan.wire && !plan.program) || (!plan.count && !plan.seconds)) {
        fprintf(stderr, "usage: nf-livegen (--out IF | --prog-id ID --if IF) (--count N | --seconds N) [--pps N] "
                        "[--size N] [--batch N] [--cpu N]\n");
        exit(2);
    }
    return plan;
}

/* A UDP packet to nobody: another host's address, so that a stack that sees it drops it at once. */
static void write_frame(uint8_t *frame, uint32_t size)
{
    static const uint8_t head[42] = {0x02, 0x4e, 0x46, 0, 0, 2, 0x02, 0x4e, 0x46, 0, 0, 1, 0x08, 0, 0x45, 0, 0, 0,
                                     0, 0, 0, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2, 0x13, 0x88, 0x13, 0x89};
    memcpy(frame, head, sizeof head);
    uint16_t total = htons((uint16_t)(size - 14)), udp = htons((uint16_t)(size - 34));
    memcpy(frame + 16, &total, 2);
    memcpy(frame + 38, &udp, 2);
    uint32_t sum = 0;
    for (int i = 14; i < 34; i += 2)
        sum += (uint32_t)frame[i] << 8 | frame[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    frame[24] = (uint8_t)(~sum >> 8);
    frame[25] = (uint8_t)~sum;
    for (uint32_t i = 42; i < size; i++)
        frame[i] = (uint8_t)i;
}

int main(int argc, char **argv)
{
    struct plan plan = parse(argc, argv);
    pin_to(plan.cpu);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);

    uint32_t ifindex = if_nametoindex(plan.interface);
    if (ifindex == 0)
        die("interface %s", plan.interface);
    int program;
    if (plan.wire) {
        int map = bpf_map(BPF_MAP_TYPE_DEVMAP, 4, 1);
        bpf_set(map, 0, ifindex);
        program = bpf_redirect_program(map, 0);
    } else {
        program = bpf_program_by_id(plan.program);
    }

    uint8_t frame[1514];
    write_frame(frame, plan.size);
    struct xdp_md context = {.data_end = plan.size, .ingress_ifindex = plan.wire ? 1 : ifindex};
    union bpf_attr attr = {0};
    attr.test.prog_fd = (uint32_t)program;
    attr.test.data_in = (uint64_t)(uintptr_t)frame;
    attr.test.data_size_in = plan.size;
    attr.test.ctx_in = (uint64_t)(uintptr_t)&context;
    attr.test.ctx_size_in = sizeof context;
    attr.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    attr.test.batch_size = plan.batch;

    uint64_t slice = plan.pps ? plan.pps / 1000 : 262144;
    uint64_t sent = 0, began = now_ns(), end = plan.seconds ? began + plan.seconds * 1000000000ull : UINT64_MAX;
    while (!stopped && (!plan.count || sent < plan.count) && now_ns() < end) {
        if (plan.pps) {
            uint64_t due = (uint64_t)((double)(now_ns() - began) * (double)plan.pps / 1e9);
            if (due < sent + slice) {
                struct timespec pause = {.tv_nsec = 100000};
                nanosleep(&pause, NULL);
                continue;
            }
        }
        uint64_t repeat = plan.count && plan.count - sent < slice ? plan.count - sent : slice;
        attr.test.repeat = (uint32_t)repeat;
        if (bpf_call(BPF_PROG_TEST_RUN, &attr) != 0) {
            if (errno == EINTR)
                continue;
            die("BPF_PROG_RUN");
        }
        sent += repeat;
    }
    double seconds = (double)(now_ns() - began) / 1e9;
    printf("{\"sent\":%llu,\"seconds\":%.6f,\"pps\":%.0f}\n",
           (unsigned long long)sent, seconds, (double)sent / seconds);
    return 0;
}
