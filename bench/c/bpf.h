/* SPDX-License-Identifier: Apache-2.0 */
/* The few bpf(2) calls the tools need, without a library: maps, an XDP program of five instructions, a link. */
#ifndef NF_BPF_H
#define NF_BPF_H

#include "util.h"

#include <linux/bpf.h>
#include <sys/syscall.h>

#ifndef BPF_F_TEST_XDP_LIVE_FRAMES
#define BPF_F_TEST_XDP_LIVE_FRAMES (1U << 1)
#endif

static inline int bpf_call(int command, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

static inline int bpf_map(uint32_t type, uint32_t value_size, uint32_t entries)
{
    union bpf_attr attr = {.map_type = type, .key_size = 4, .value_size = value_size, .max_entries = entries};
    int fd = bpf_call(BPF_MAP_CREATE, &attr);
    if (fd < 0)
        die("BPF_MAP_CREATE(%u)", type);
    return fd;
}

static inline void bpf_set(int map, uint32_t key, uint32_t value)
{
    union bpf_attr attr = {.map_fd = (uint32_t)map,
                           .key = (uint64_t)(uintptr_t)&key,
                           .value = (uint64_t)(uintptr_t)&value};
    if (bpf_call(BPF_MAP_UPDATE_ELEM, &attr) != 0)
        die("BPF_MAP_UPDATE_ELEM");
}

/* return bpf_redirect_map(map, by_queue ? ctx->rx_queue_index : 0, XDP_PASS) */
static inline int bpf_redirect_program(int map, int by_queue)
{
    struct bpf_insn program[] = {
        by_queue ? (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = 16}
                 : (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 0},
        {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
        {.code = 0},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_PASS},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
        {.code = BPF_JMP | BPF_EXIT},
    };
    static char log[4096];
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP,
                           .insn_cnt = sizeof program / sizeof program[0],
                           .insns = (uint64_t)(uintptr_t)program,
                           .license = (uint64_t)(uintptr_t) "Apache-2.0",
                           .log_level = 1,
                           .log_buf = (uint64_t)(uintptr_t)log,
                           .log_size = sizeof log};
    int fd = bpf_call(BPF_PROG_LOAD, &attr);
    if (fd < 0)
        die("BPF_PROG_LOAD (%s)", log);
    return fd;
}

/* Attaches by BPF link in the driver; the program is gone with the descriptor. */
static inline int bpf_attach_xdp(int program, uint32_t ifindex)
{
    union bpf_attr attr = {0};
    attr.link_create.prog_fd = (uint32_t)program;
    attr.link_create.target_ifindex = ifindex;
    attr.link_create.attach_type = BPF_XDP;
    attr.link_create.flags = 1u << 2; /* XDP_FLAGS_DRV_MODE */
    int fd = bpf_call(BPF_LINK_CREATE, &attr);
    if (fd < 0)
        die("BPF_LINK_CREATE(ifindex %u)", ifindex);
    return fd;
}

static inline int bpf_program_by_id(uint32_t id)
{
    union bpf_attr attr = {.prog_id = id};
    int fd = bpf_call(BPF_PROG_GET_FD_BY_ID, &attr);
    if (fd < 0)
        die("BPF_PROG_GET_FD_BY_ID(%u)", id);
    return fd;
}

#endif
