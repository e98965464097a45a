// The program of an interface that AF_XDP sockets are bound to: a packet goes to the socket of the queue it came in on,
// and on to the kernel's stack where that queue has none.
//
// Two flavours share one map, so that an interface changes from one to the other in a single link update without a
// packet in between that sees an empty map. "xdp" runs on every driver that has XDP at all; "xdp.frags" also sees
// packets of several buffers, which sockets bound with XDP_USE_SG need and which drivers and kernels may refuse.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
	__uint(max_entries, 1); // replaced at load by the number of receive queues the interface can have
} xsks_map SEC(".maps");

// A queue that has no socket is not ours: the flags of the helper are the verdict for an empty slot.
static __always_inline int redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS);
}

SEC("xdp")
int nf_xsk(struct xdp_md *ctx)
{
	return redirect(ctx);
}

SEC("xdp.frags")
int nf_xsk_frags(struct xdp_md *ctx)
{
	return redirect(ctx);
}

// No helper used here is reserved for GPL programs, so the project's own licence stands.
char _license[] SEC("license") = "Apache-2.0";
