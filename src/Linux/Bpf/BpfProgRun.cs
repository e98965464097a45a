namespace Nf.Linux;

/// <summary>What a test run of a program did.</summary>
/// <param name="Verdict">XDP_… of <see cref="LinuxBpf"/>.</param>
/// <param name="Frame">The frame as the program left it.</param>
/// <param name="DurationNs">Average time of one run in nanoseconds.</param>
public sealed record BpfRunResult(uint Verdict, byte[] Frame, uint DurationNs);

/// <summary>Runs XDP programs without traffic (BPF_PROG_RUN).</summary>
public static unsafe class BpfProgRun
{
    // A frame lives in one page; the answer cannot be larger.
    private const int FrameBytesMax = 4096;

    /// <summary>Runs a program on a copy of a frame and returns what it made of it; nothing is sent.</summary>
    /// <param name="program">An XDP program.</param>
    /// <param name="frame">At least 14 bytes.</param>
    /// <param name="repeat">How often; the last run's result is returned.</param>
    public static BpfRunResult Run(BpfProgram program, ReadOnlySpan<byte> frame, int repeat = 1)
    {
        ArgumentNullException.ThrowIfNull(program);
        byte[] output = new byte[FrameBytesMax];

        // SAFETY: both buffers are pinned for the call and the kernel is told their sizes.
        fixed (byte* input = frame, result = output)
        {
            var attributes = new bpf_attr_test
            {
                prog_fd = (uint)program.Descriptor.Number,
                data_in = input,
                data_size_in = (uint)frame.Length,
                data_out = result,
                data_size_out = (uint)output.Length,
                repeat = (uint)repeat,
            };
            BpfCall.Run(LinuxBpf.BPF_PROG_TEST_RUN, ref attributes, $"bpf(BPF_PROG_RUN, {program.Name})");
            GC.KeepAlive(program);
            return new BpfRunResult(attributes.retval, output[..(int)attributes.data_size_out], attributes.duration);
        }
    }

    /// <summary>What a program returns for a frame; nothing is sent, and what it makes of the frame is
    /// forgotten.</summary>
    /// <param name="program">An XDP program.</param>
    /// <param name="frame">At least 14 bytes.</param>
    public static uint Verdict(BpfProgram program, ReadOnlySpan<byte> frame)
    {
        ArgumentNullException.ThrowIfNull(program);

        // SAFETY: the frame is pinned for the call and the kernel is told its size; without room for an answer it gives
        // none.
        fixed (byte* input = frame)
        {
            var attributes = new bpf_attr_test
            {
                prog_fd = (uint)program.Descriptor.Number,
                data_in = input,
                data_size_in = (uint)frame.Length,
                repeat = 1,
            };
            BpfCall.Run(LinuxBpf.BPF_PROG_TEST_RUN, ref attributes, $"bpf(BPF_PROG_RUN, {program.Name})");
            GC.KeepAlive(program);
            return attributes.retval;
        }
    }

    /// <summary>
    /// Lets a program act on real frames: a packet generator. XDP_TX and XDP_REDIRECT send, XDP_PASS goes to the stack.
    /// The program sees queue 0 whatever else is asked (5.18+).
    /// </summary>
    /// <param name="program">An XDP program; it need not be attached.</param>
    /// <param name="frame">14 bytes to somewhat less than a page.</param>
    /// <param name="repeat">How many frames.</param>
    /// <param name="batch">Frames per round, at most 256; 0 means 64.</param>
    /// <param name="ifindex">The interface they seem to come from, in the calling thread's network namespace.</param>
    public static void LiveFrames(BpfProgram program, ReadOnlySpan<byte> frame, int repeat, int batch, int ifindex)
    {
        ArgumentNullException.ThrowIfNull(program);
        var context = new xdp_md { data_end = (uint)frame.Length, ingress_ifindex = (uint)ifindex };

        // SAFETY: the frame is pinned for the call, context is a local, and the kernel is told both sizes.
        fixed (byte* input = frame)
        {
            var attributes = new bpf_attr_test
            {
                prog_fd = (uint)program.Descriptor.Number,
                data_in = input,
                data_size_in = (uint)frame.Length,
                ctx_in = &context,
                ctx_size_in = (uint)sizeof(xdp_md),
                repeat = (uint)repeat,
                flags = LinuxBpf.BPF_F_TEST_XDP_LIVE_FRAMES,
                batch_size = (uint)batch,
            };
            BpfCall.Run(LinuxBpf.BPF_PROG_TEST_RUN, ref attributes, $"bpf(BPF_PROG_RUN live, {program.Name})");
            GC.KeepAlive(program);
        }
    }
}
