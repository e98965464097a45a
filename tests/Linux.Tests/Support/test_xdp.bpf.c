// SPDX-License-Identifier: GPL-2.0
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct settings {
	__u32 verdict;
	__u32 fallback;
};

const volatile struct settings settings = { .verdict = XDP_PASS, .fallback = XDP_DROP };

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} packets SEC(".maps");

static __always_inline void count(void)
{
	__u32 zero = 0;
	__u64 *packet_count = bpf_map_lookup_elem(&packets, &zero);

	if (packet_count)
		*packet_count += 1;
}

SEC("xdp")
int to_socket(struct xdp_md *ctx)
{
	count();
	return bpf_redirect_map(&sockets, ctx->rx_queue_index, settings.fallback);
}

SEC("xdp.frags")
int to_socket_frags(struct xdp_md *ctx)
{
	return bpf_redirect_map(&sockets, ctx->rx_queue_index, settings.fallback);
}

/* Always to slot 0, whichever queue the packet came in by. */
SEC("xdp")
int to_first_socket(struct xdp_md *ctx)
{
	return bpf_redirect_map(&sockets, 0, settings.fallback);
}

/* Writes eight bytes in front of the packet, as receive metadata. */
SEC("xdp")
int mark_to_socket(struct xdp_md *ctx)
{
	__u64 *meta;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return XDP_ABORTED;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	*meta = 0x1122334455667788ull;
	return bpf_redirect_map(&sockets, ctx->rx_queue_index, settings.fallback);
}

SEC("xdp")
int fixed_verdict(struct xdp_md *ctx)
{
	count();
	return settings.verdict;
}

char _license[] SEC("license") = "GPL";
