// What an entry of a cpumap can always run on each frame on its CPU: pass, drop, or send to an interface. Each in two
// flavours, because the kernel refuses a program whose frags flag is not that of the programs that feed the map.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

// Where redirect sends: one interface, set after loading. Empty when the interface went away; the frame is dropped
// then.
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
	__uint(max_entries, 1);
} target SEC(".maps");

SEC("xdp/cpumap")
int nf_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp.frags/cpumap")
int nf_pass_frags(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp/cpumap")
int nf_drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp.frags/cpumap")
int nf_drop_frags(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp/cpumap")
int nf_redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&target, 0, XDP_DROP);
}

SEC("xdp.frags/cpumap")
int nf_redirect_frags(struct xdp_md *ctx)
{
	return bpf_redirect_map(&target, 0, XDP_DROP);
}

// No helper used here is reserved for GPL programs, so the project's own licence stands.
char _license[] SEC("license") = "Apache-2.0";
