using System.Runtime.InteropServices;
using System.Text;

namespace Nf.Linux;

// Programs that were not compiled by clang: BPF_PROG_LOAD itself.
public sealed unsafe partial class BpfProgram
{
    // Only the reason at its end is of use to people.
    private const int LogBytes = 1 << 20;

    /// <summary>Loads an XDP program that was written by an assembler.</summary>
    /// <param name="code">Its instructions; the maps it names must stay open until this returns.</param>
    /// <param name="name">For people; cut off at 15 bytes.</param>
    /// <param name="frags">Whether it takes frames of several buffers (5.18+).</param>
    /// <exception cref="BpfLoadException">
    /// EPERM without CAP_BPF and CAP_NET_ADMIN; EINVAL and EACCES with the verifier's log; E2BIG when it is too large
    /// or too much to verify.
    /// </exception>
    public static BpfProgram LoadXdp(BpfAssembler code, string name, bool frags)
    {
        ArgumentNullException.ThrowIfNull(code);
        ArgumentException.ThrowIfNullOrEmpty(name);
        BpfInstruction[] instructions = code.BuildWithMaps();

        // The log costs time, so it is asked for only when there is something to read.
        int number = TryLoad(instructions, name, frags, null, 0);
        if (number < 0)
        {
            Errno errno = Result.LastErrno;
            byte* log = (byte*)NativeMemory.AllocZeroed(LogBytes);
            try
            {
                number = TryLoad(instructions, name, frags, log, LogBytes);
                if (number < 0)
                {
                    throw new BpfLoadException(name, errno, "", BpfObject.Text(log));
                }
            }
            finally
            {
                // SAFETY: the log came from NativeMemory above and nobody holds it.
                NativeMemory.Free(log);
            }
        }

        code.KeepMapsAlive();
        return new BpfProgram(new FileDescriptor(number));
    }

    private static int TryLoad(BpfInstruction[] instructions, string name, bool frags, byte* log, int logBytes)
    {
        // SAFETY: instructions and licence are pinned for the call, the log is the caller's, and the kernel is told all
        // sizes.
        fixed (BpfInstruction* code = instructions)
        fixed (byte* license = "Apache-2.0\0"u8)
        {
            var attributes = new bpf_attr_prog_load
            {
                prog_type = LinuxBpf.BPF_PROG_TYPE_XDP,
                insn_cnt = (uint)instructions.Length,
                insns = code,
                license = license,
                log_level = logBytes == 0 ? 0u : 1u,
                log_size = (uint)logBytes,
                log_buf = log,
                prog_flags = frags ? LinuxBpf.BPF_F_XDP_HAS_FRAGS : 0,
                expected_attach_type = LinuxBpf.BPF_XDP,
            };

            // SAFETY: the copy is cut to one byte less than the field, so a zero byte remains behind it.
            var nameField = new Span<byte>(attributes.prog_name, LinuxBpf.BPF_OBJ_NAME_LEN);
            Encoding.ASCII.GetBytes(name.AsSpan(0, Math.Min(name.Length, LinuxBpf.BPF_OBJ_NAME_LEN - 1)), nameField);
            return BpfCall.Try(LinuxBpf.BPF_PROG_LOAD, ref attributes);
        }
    }
}
