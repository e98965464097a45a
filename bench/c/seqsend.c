/* SPDX-License-Identifier: Apache-2.0 */
/* nf-seqsend: sends sequence-numbered frames through an AF_PACKET socket at a steady rate.
 * The n-th frame of the run belongs to flow n mod FLOWS and has sequence number START + n / FLOWS.
 * A sender that was kept from its CPU does not catch up in one burst: the schedule slips, and "slipped_ms" says so.
 * --realtime asks for SCHED_FIFO, so that gaps at the receiver are not the sender's. */
#include "util.h"
#include "seq.h"

#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define BURST 32
#define PAUSE_NS_MIN 150000ull
#define BEHIND_MAX 128 /* frames; more than that behind, the schedule slips */

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    stopped = 1;
}

struct plan {
    const char *interface;
    uint64_t count, pps, start;
    uint32_t flows, min, max;
    int cpu, realtime;
};

static struct plan parse(int argc, char **argv)
{
    struct plan plan = {.count = 1000, .pps = 1000, .flows = 1, .min = 60, .max = 60, .cpu = -1};
    static const struct option options[] = {
        {"if", 1, 0, 'i'},   {"count", 1, 0, 'c'}, {"pps", 1, 0, 'p'},   {"flows", 1, 0, 'f'},
        {"size", 1, 0, 's'}, {"start", 1, 0, 'b'}, {"cpu", 1, 0, 'u'},   {"realtime", 0, 0, 'r'},
        {0, 0, 0, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'i': plan.interface = optarg; break;
        case 'c': plan.count = number("--count", optarg, 1, 1ull << 40); break;
        case 'p': plan.pps = number("--pps", optarg, 1, 100000000); break;
        case 'f': plan.flows = (uint32_t)number("--flows", optarg, 1, SEQ_FLOWS_MAX); break;
        case 'b': plan.start = number("--start", optarg, 0, 1ull << 40); break;
        case 'r': plan.realtime = 1; break;
        case 'u': plan.cpu = (int)number("--cpu", optarg, 0, 1023); break;
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
        fprintf(stderr, "usage: nf-seqsend --if IF [--count N] [--pps N] [--flows N] [--size MIN[:MAX]|imix] "
                        "[--start SEQ] [--cpu N] [--realtime]\n");
        exit(2);
    }
    return plan;
}

static int open_socket(const char *interface)
{
    /* Protocol 0: nothing is received on this socket. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket(AF_PACKET)");
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
    if (address.sll_ifindex == 0)
        die("interface %s", interface);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("bind(%s)", interface);
    int bytes = 64 << 20;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    return fd;
}

int main(int argc, char **argv)
{
    struct plan plan = parse(argc, argv);
    pin_to(plan.cpu);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    int fd = open_socket(plan.interface);
    prctl(PR_SET_TIMERSLACK, 1000);
    struct sched_param priority = {.sched_priority = 10};
    if (plan.realtime && sched_setscheduler(0, SCHED_FIFO, &priority) != 0)
        die("sched_setscheduler(SCHED_FIFO)");

    static uint8_t frames[BURST][SEQ_FRAME_MAX];
    struct iovec vectors[BURST];
    struct mmsghdr messages[BURST] = {0};
    for (int i = 0; i < BURST; i++) {
        vectors[i].iov_base = frames[i];
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }

    uint64_t sent = 0, bytes = 0, refused = 0, slipped = 0, began = now_ns();
    while (sent < plan.count && !stopped) {
        uint64_t elapsed = now_ns() - began;
        uint64_t due = (uint64_t)((double)elapsed * (double)plan.pps / 1e9) + 1;
        if (due > sent + BEHIND_MAX) {
            uint64_t slip = (uint64_t)((double)(due - sent - BURST) * 1e9 / (double)plan.pps);
            began += slip;
            slipped += slip;
            continue;
        }
        if (due > plan.count)
            due = plan.count;
        if (due <= sent) {
            uint64_t next = began + (uint64_t)((double)sent * 1e9 / (double)plan.pps);
            uint64_t now = now_ns();
            /* Never spin: on a small machine the receiver needs the CPU. At high rates this sends a few at once. */
            uint64_t wait = next > now + PAUSE_NS_MIN ? next - now : PAUSE_NS_MIN;
            struct timespec pause = {.tv_sec = (time_t)(wait / 1000000000ull), .tv_nsec = (long)(wait % 1000000000ull)};
            nanosleep(&pause, NULL);
            continue;
        }
        uint32_t burst = due - sent < BURST ? (uint32_t)(due - sent) : BURST;
        for (uint32_t i = 0; i < burst; i++) {
            uint32_t flow = (uint32_t)((sent + i) % plan.flows);
            uint64_t sequence = plan.start + (sent + i) / plan.flows;
            uint32_t length = seq_length(flow, sequence, plan.min, plan.max);
            seq_write(frames[i], flow, sequence, length);
            vectors[i].iov_len = length;
        }
        uint32_t done = 0;
        while (done < burst && !stopped) {
            int n = sendmmsg(fd, messages + done, burst - done, 0);
            if (n < 0 && (errno == ENOBUFS || errno == EAGAIN || errno == EINTR)) {
                /* The device took nothing of the first message: the very same frame goes again. */
                refused++;
                struct timespec pause = {.tv_nsec = 20000};
                nanosleep(&pause, NULL);
                continue;
            }
            if (n < 0)
                die("sendmmsg");
            for (int i = 0; i < n; i++)
                bytes += vectors[done + (uint32_t)i].iov_len;
            done += (uint32_t)n;
        }
        sent += done;
    }
    double seconds = (double)(now_ns() - began + slipped) / 1e9;
    printf("{\"sent\":%llu,\"bytes\":%llu,\"refused\":%llu,\"slipped_ms\":%.3f,\"seconds\":%.6f,\"pps\":%.0f}\n",
           (unsigned long long)sent, (unsigned long long)bytes, (unsigned long long)refused, (double)slipped / 1e6,
           seconds, (double)sent / seconds);
    return sent == plan.count ? 0 : 3;
}
