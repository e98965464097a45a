using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>Has strangers' objects loaded by a process of their own (<see cref="BpfLoaderChild"/>).</summary>
/// <param name="patience">How long that process may take for an object before it is ended.</param>
internal sealed class BpfLoader(TimeSpan patience) : IDisposable
{
    /// <summary>
    /// Time to start, and for the verifier to judge a million instructions on a busy machine. Arbitrary.
    /// </summary>
    internal static readonly TimeSpan PatienceDefault = TimeSpan.FromSeconds(30);

    private readonly byte[] _buffer = new byte[BpfLoaderChild.MessageBytesMax];
    private Process? _process;
    private SeqPacketSocket? _socket;

    /// <summary>Loads an object; waits for it.</summary>
    /// <param name="file">A memory file with it.</param>
    /// <param name="section">A section or a function; empty when there is one program only.</param>
    /// <param name="frags">Whether the program takes frames of several buffers.</param>
    /// <exception cref="CommandFaultException">
    /// Those of <see cref="ElfProgram.Load"/>; LOADER_DIED when the process died of it, LOADER_MISSING.
    /// </exception>
    internal BpfProgram Load(FileDescriptor file, string section, out bool frags)
    {
        byte[] bytes = new byte[Math.Min(file.Length, UploadedElf.FileBytesMax + 1)];
        file.ReadAt(bytes, 0);
        if (UploadedElf.Check(bytes) is { } broken)
        {
            throw Fault("INVALID_ELF", "spec.elf.file", broken, Errno.EINVAL);
        }

        Start();
        var received = new List<FileDescriptor>();
        if (!TryExchange(new BpfLoadRequest { Section = section, Version = BpfLoaderChild.Version },
                file, received, out BpfLoadAnswer answer))
        {
            string how = HowItEnded();
            throw Fault("LOADER_DIED", "spec.elf.file", $"the process that loads it {how}; the data plane is unharmed",
                Errno.EINVAL);
        }

        if (answer.Fault.Length == 0 && received is [var program])
        {
            frags = answer.Frags;
            return new BpfProgram(program);
        }

        throw new CommandFaultException(answer.Reason, answer.Fault, (Errno)answer.Errno)
        {
            Fields = [(answer.Field, answer.Log)],
        };
    }

    /// <summary>Ends the process.</summary>
    public void Dispose()
    {
        _socket?.Dispose();
        _socket = null;
        if (_process is not null)
        {
            // It ends by itself at the end of the socket; a parser that hangs does not.
            if (!_process.WaitForExit(patience))
            {
                _process.Kill();
            }

            _process.Dispose();
            _process = null;
        }
    }

    private static CommandFaultException Fault(string reason, string field, string what, Errno errno) =>
        new(reason, $"{field}: {what}", errno) { Fields = [(field, what)] };

    private bool TryExchange(
        BpfLoadRequest request, FileDescriptor file, List<FileDescriptor> received, out BpfLoadAnswer answer)
    {
        answer = new BpfLoadAnswer();
        try
        {
            _socket!.Send(request.ToByteArray(), [file]);
            EndUnlessAnswered();
            if (_socket.Receive(_buffer, out int length, received) != TransferStatus.Done)
            {
                return false;
            }

            answer = BpfLoadAnswer.Parser.ParseFrom(_buffer.AsSpan(0, length));
            return true;
        }
        catch (LinuxException gone) when (gone.Errno is Errno.EPIPE or Errno.ECONNRESET)
        {
            return false;
        }
    }

    // A parser that hangs is ended, and with it the socket: the receive after this does not wait for ever.
    private void EndUnlessAnswered()
    {
        using var watch = new Epoll();
        watch.Add(_socket!.Descriptor, EpollEvents.In, 0);
        if (watch.Wait(new EpollEvent[1], (int)patience.TotalMilliseconds) == 0)
        {
            _process!.Kill();
        }
    }

    private void Start()
    {
        if (_process is not null)
        {
            return;
        }

        (SeqPacketSocket ours, SeqPacketSocket theirs) = SeqPacketSocket.SocketPair();
        using (theirs)
        {
            int number = theirs.Descriptor.MakeInheritable();
            try
            {
                _process = Process.Start(new ProcessStartInfo(
                    Path.Combine(AppContext.BaseDirectory, "nf-dataplane"),
                    [BpfLoaderChild.Command, number.ToString(CultureInfo.InvariantCulture)]));
                _socket = ours;
            }
            catch (System.ComponentModel.Win32Exception missing)
            {
                ours.Dispose();
                throw new CommandFaultException(
                    "LOADER_MISSING", $"the process that loads programs cannot be started: {missing.Message}",
                    Errno.ENOENT);
            }
        }
    }

    private string HowItEnded()
    {
        Process process = _process!;
        _socket!.Dispose();
        _socket = null;
        process.WaitForExit();
        int code = process.ExitCode;
        process.Dispose();
        _process = null;
        return code > 128 ? $"was killed by signal {code - 128}" : $"ended with code {code}";
    }
}
