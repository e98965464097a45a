// SPDX-License-Identifier: GPL-2.0
/* What the tests of AF_XDP sockets do to frames on their way; settings.delta is the bytes that a tail grows by. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

struct settings {
	__s32 delta;
};

const volatile struct settings settings = { .delta = 0 };

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

/* 0: frames seen. 1: what bpf_xdp_adjust_tail answered last. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __s64);
} results SEC(".maps");

static __always_inline __s64 *result(__u32 index)
{
	return bpf_map_lookup_elem(&results, &index);
}

SEC("xdp.frags")
int every_second(struct xdp_md *ctx)
{
	__s64 *seen = result(0);

	if (!seen)
		return XDP_ABORTED;
	*seen += 1;
	return *seen % 2 ? bpf_redirect_map(&sockets, 0, XDP_DROP) : XDP_DROP;
}

/* The last byte of the receiver's address names the socket. */
SEC("xdp.frags")
int by_address(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	return bpf_redirect_map(&sockets, eth->h_dest[5], XDP_DROP);
}

/* The number of the frame, in the eight bytes before it. */
SEC("xdp.frags")
int number_in_front(struct xdp_md *ctx)
{
	__s64 *seen = result(0);
	__s64 *meta;

	if (!seen || bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return XDP_ABORTED;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	*seen += 1;
	*meta = *seen;
	return bpf_redirect_map(&sockets, 0, XDP_DROP);
}

SEC("xdp.frags")
int other_tail(struct xdp_md *ctx)
{
	__s64 *answer = result(1);
	__s64 failed = bpf_xdp_adjust_tail(ctx, settings.delta);

	if (!answer)
		return XDP_ABORTED;
	*answer = failed;
	return failed ? XDP_DROP : bpf_redirect_map(&sockets, 0, XDP_DROP);
}

char _license[] SEC("license") = "GPL";
