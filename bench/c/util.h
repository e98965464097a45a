/* SPDX-License-Identifier: Apache-2.0 */
/* What every traffic tool needs: time, pinning, errors that name the call. */
#ifndef NF_UTIL_H
#define NF_UTIL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline void die(const char *format, ...)
{
    int saved = errno;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, ": %s\n", saved ? strerror(saved) : "refused");
    exit(1);
}

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static inline uint64_t thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Pins the calling thread; -1 leaves it where it is. */
static inline void pin_to(int cpu)
{
    if (cpu < 0)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        die("sched_setaffinity(%d)", cpu);
}

/* A whole number in [low, high], or the end of the program. */
static inline uint64_t number(const char *option, const char *text, uint64_t low, uint64_t high)
{
    char *end = NULL;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || value < low || value > high) {
        fprintf(stderr, "%s %s: must be %llu to %llu\n", option, text, (unsigned long long)low,
                (unsigned long long)high);
        exit(2);
    }
    return value;
}

#endif
