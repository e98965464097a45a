using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Nf.Ctl.Rendering;

/// <summary>Standard output that notices when its reader has gone; Console's own writer keeps that to itself.</summary>
internal static class StandardOutput
{
    /// <summary>Opens standard output.</summary>
    internal static TextWriter Open(Terminal terminal)
    {
        if (terminal.IsTerminal)
        {
            return Console.Out;
        }

        var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);

        // In a file a FileStream would write at offsets of its own, over what standard error put there (`>log 2>&1`).
        return stream.CanSeek
            ? Console.Out
            : new StreamWriter(new Pipe(stream), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }

    /// <summary>Nobody reads standard output any more.</summary>
    internal sealed class ClosedException(IOException inner) : Exception("standard output is closed", inner);

    private sealed class Pipe(FileStream inner) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(byte[] buffer, int offset, int count)
        {
            try
            {
                inner.Write(buffer, offset, count);
            }
            catch (IOException e)
            {
                throw new ClosedException(e);
            }
        }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
