using System.Runtime.InteropServices;

namespace Nf.Linux;

// linux/aio_abi.h. Its calls have no wrapper in libc.
public static partial class Libc
{
    internal const ushort IOCB_CMD_PWRITE = 1;
    internal const uint IOCB_FLAG_RESFD = 1;

    internal static int SYS_io_setup => IsX64 ? 206 : 0;

    internal static int SYS_io_destroy => IsX64 ? 207 : 1;

    internal static int SYS_io_getevents => IsX64 ? 208 : 4;

    internal static int SYS_io_submit => IsX64 ? 209 : 2;
}

/// <summary>An operation that is asked for.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct iocb
{
    internal ulong aio_data;
    internal uint aio_key; // this order on little-endian machines only
    internal int aio_rw_flags;
    internal ushort aio_lio_opcode;
    internal short aio_reqprio;
    internal int aio_fildes;
    internal ulong aio_buf;
    internal ulong aio_nbytes;
    internal long aio_offset;
    internal ulong aio_reserved2;
    internal uint aio_flags;
    internal int aio_resfd;
}

/// <summary>An operation that is done.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct io_event
{
    internal ulong data;
    internal ulong obj;
    internal long res;
    internal long res2;
}
