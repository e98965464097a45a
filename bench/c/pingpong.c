/* SPDX-License-Identifier: Apache-2.0 */
/* nf-pingpong: how long a cache line takes from one CPU to another and back, in ns. A virtual machine may move its
 * CPUs between near and far cores; rounds of a bench are compared only within one state. */
#include "util.h"

#include <pthread.h>

static _Alignas(128) volatile uint64_t ping;
static _Alignas(128) volatile uint64_t pong;
static volatile int done;

static void *echo(void *cpu)
{
    pin_to((int)(intptr_t)cpu);
    uint64_t last = 0;
    while (!done) {
        uint64_t now = __atomic_load_n(&ping, __ATOMIC_ACQUIRE);
        if (now != last) {
            last = now;
            __atomic_store_n(&pong, now, __ATOMIC_RELEASE);
        }
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    int a = argc > 1 ? (int)number("cpu", argv[1], 0, 1023) : 0;
    int b = argc > 2 ? (int)number("cpu", argv[2], 0, 1023) : 1;
    pthread_t thread;
    if (pthread_create(&thread, NULL, echo, (void *)(intptr_t)b) != 0)
        die("pthread_create");
    pin_to(a);
    enum { samples = 61, trips = 2000 };
    double ns[samples];
    uint64_t value = 0;
    for (int s = 0; s < samples; s++) {
        uint64_t began = now_ns();
        for (int i = 0; i < trips; i++) {
            __atomic_store_n(&ping, ++value, __ATOMIC_RELEASE);
            while (__atomic_load_n(&pong, __ATOMIC_ACQUIRE) != value)
                ;
        }
        ns[s] = (double)(now_ns() - began) / trips;
    }
    done = 1;
    pthread_join(thread, NULL);
    qsort(ns, samples, sizeof ns[0], compare);
    double median = ns[samples / 2];
    printf("{\"round_trip_ns\":%.1f,\"state\":\"%s\"}\n", median,
           median < 65 ? "sibling" : median < 180 ? "near" : median < 900 ? "far" : "loaded");
    return 0;
}
