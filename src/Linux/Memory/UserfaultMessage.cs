using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>What happened to memory that a userfaultfd watches.</summary>
public enum UserfaultEvent
{
    /// <summary>A number that this program does not know.</summary>
    Unknown,

    /// <summary>Somebody waits for a page.</summary>
    PageFault,

    /// <summary>The process forked.</summary>
    Fork,

    /// <summary>A range moved.</summary>
    Remap,

    /// <summary>The pages of a range are about to be dropped.</summary>
    Remove,

    /// <summary>A range is not mapped any more.</summary>
    Unmap,
}

/// <summary>One message of a userfaultfd; taking it lets the process that caused it go on.</summary>
/// <param name="Event">What happened.</param>
/// <param name="Start">First byte of the range; of a page fault, where.</param>
/// <param name="End">First byte behind the range; equal to <paramref name="Start"/> when there is no range.</param>
/// <param name="IsWriteFault">Of a page fault: the page is there, but protected from writing.</param>
/// <param name="ChildNumber">Of a fork: the descriptor for the child, which now is the reader's; otherwise -1.</param>
public readonly record struct UserfaultMessage(
    UserfaultEvent Event, ulong Start, ulong End, bool IsWriteFault, int ChildNumber)
{
    /// <summary>Size of a message in bytes.</summary>
    public const int Bytes = 32;

    /// <summary>Reads a message. Any bytes give one; a range that wraps is cut to nothing.</summary>
    /// <param name="bytes">At least <see cref="Bytes"/>.</param>
    public static UserfaultMessage Parse(ReadOnlySpan<byte> bytes)
    {
        uffd_msg message = MemoryMarshal.Read<uffd_msg>(bytes);
        return message.@event switch
        {
            Libc.UFFD_EVENT_PAGEFAULT => Of(UserfaultEvent.PageFault, message.pagefault_address, 0) with
            {
                IsWriteFault = (message.pagefault_flags & Libc.UFFD_PAGEFAULT_FLAG_WP) != 0,
            },
            Libc.UFFD_EVENT_FORK => Of(UserfaultEvent.Fork, 0, 0) with { ChildNumber = (int)message.fork_ufd },
            Libc.UFFD_EVENT_REMAP => Of(
                UserfaultEvent.Remap, message.remap_from, unchecked(message.remap_from + message.remap_len)),
            Libc.UFFD_EVENT_REMOVE => Of(UserfaultEvent.Remove, message.remove_start, message.remove_end),
            Libc.UFFD_EVENT_UNMAP => Of(UserfaultEvent.Unmap, message.remove_start, message.remove_end),
            _ => Of(UserfaultEvent.Unknown, 0, 0),
        };
    }

    private static UserfaultMessage Of(UserfaultEvent kind, ulong start, ulong end) =>
        new(kind, start, Math.Max(start, end), IsWriteFault: false, ChildNumber: -1);
}
