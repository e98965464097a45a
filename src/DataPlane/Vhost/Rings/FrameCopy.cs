using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>Copies the bytes of frames.</summary>
internal static unsafe class FrameCopy
{
    /// <summary>Copies exactly <paramref name="length"/> bytes; small frames without a call.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Copy(byte* target, byte* source, uint length)
    {
        // SAFETY: both are valid for length bytes, as the caller guarantees; the four pieces of the short path begin
        // at 0 and 16 and end at length, and lie inside because 32 <= length <= 64.
        if (length - 32 <= 32)
        {
            Vector128<byte> first = Vector128.Load(source);
            Vector128<byte> second = Vector128.Load(source + 16);
            Vector128<byte> third = Vector128.Load(source + length - 32);
            Vector128<byte> fourth = Vector128.Load(source + length - 16);
            first.Store(target);
            second.Store(target + 16);
            third.Store(target + length - 32);
            fourth.Store(target + length - 16);
            return;
        }

        Unsafe.CopyBlockUnaligned(target, source, length);
    }
}
