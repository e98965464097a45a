using System.Text;

namespace Nf.Linux;

/// <summary>The calling thread as the kernel knows it.</summary>
public static unsafe class CurrentThread
{
    // TASK_COMM_LEN of the kernel, with the terminating zero.
    private const int NameBytesMax = 16;

    /// <summary>The kernel's number of the calling thread.</summary>
    public static int Tid => Libc.gettid();

    /// <summary>Names the calling thread for ps and top; what does not fit 15 bytes is cut off.</summary>
    public static void SetName(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        byte* buffer = stackalloc byte[NameBytesMax];
        var bytes = new Span<byte>(buffer, NameBytesMax);
        bytes.Clear();
        Encoding.ASCII.GetBytes(name.AsSpan(0, Math.Min(name.Length, NameBytesMax - 1)), bytes);

        // SAFETY: buffer ends in a zero byte, because at most NameBytesMax - 1 bytes were written.
        Result.Check(Libc.prctl(Libc.PR_SET_NAME, (nint)buffer, 0, 0, 0), "prctl(PR_SET_NAME)");
    }
}
