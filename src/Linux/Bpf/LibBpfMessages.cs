using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Nf.Linux;

/// <summary>Catches what libbpf would print to standard error, per thread, for the exception that needs it.</summary>
internal static unsafe class LibBpfMessages
{
    // LIBBPF_WARN; info and debug lines are dropped.
    private const int Warning = 0;

    // Arbitrary, generous for one line.
    private const int MessageBytesMax = 2048;

    [ThreadStatic]
    private static StringBuilder? _messages;

    // SAFETY: Print is a static unmanaged function that lives as long as the process and throws nothing.
    static LibBpfMessages() => LibBpf.libbpf_set_print(&Print);

    /// <summary>Starts collecting on this thread; from the first call on, libbpf prints nothing anywhere.</summary>
    internal static void Begin() => _messages = new StringBuilder();

    /// <summary>What came since <see cref="Begin"/>.</summary>
    internal static string End()
    {
        string messages = _messages?.ToString().TrimEnd() ?? "";
        _messages = null;
        return messages;
    }

    [UnmanagedCallersOnly]
    private static int Print(int level, byte* format, void* arguments)
    {
        if (level != Warning || _messages is not { } messages)
        {
            return 0;
        }

        byte* buffer = stackalloc byte[MessageBytesMax];

        // SAFETY: vsnprintf writes at most the size it is told, zero byte included; format and arguments are libbpf's.
        int length = LibBpf.vsnprintf(buffer, MessageBytesMax, format, arguments);
        messages.Append(Encoding.UTF8.GetString(buffer, Math.Clamp(length, 0, MessageBytesMax - 1)));
        return length;
    }

    /// <summary>Makes sure the static constructor has run.</summary>
    internal static void Install() => RuntimeHelpers.RunClassConstructor(typeof(LibBpfMessages).TypeHandle);
}
