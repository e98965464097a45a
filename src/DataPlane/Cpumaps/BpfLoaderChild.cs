using System.Globalization;
using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// The process that loads strangers' objects: libbpf and libelf parse foreign bytes, and whatever they do with them
/// happens here, not in the process that moves packets.
/// </summary>
internal static class BpfLoaderChild
{
    /// <summary>First argument of nf-dataplane that makes it this; the second is the number of the socket.</summary>
    internal const string Command = "load-bpf";

    /// <summary>Bytes of a message: the longest log in UTF-8, and the rest.</summary>
    internal const int MessageBytesMax = 16384;

    /// <summary>Version of the messages; both ends are one program.</summary>
    internal const uint Version = 1;

    /// <summary>Answers requests until the socket ends.</summary>
    /// <returns>The process's exit code.</returns>
    internal static int Serve(string number)
    {
        using SeqPacketSocket socket = SeqPacketSocket.Adopt(
            FileDescriptor.TakeInherited(int.Parse(number, CultureInfo.InvariantCulture)));
        byte[] buffer = new byte[MessageBytesMax];
        var received = new List<FileDescriptor>();
        while (socket.Receive(buffer, out int length, received) == TransferStatus.Done)
        {
            BpfLoadRequest request = BpfLoadRequest.Parser.ParseFrom(buffer.AsSpan(0, length));
            (BpfLoadAnswer answer, BpfProgram? program) = Answer(request, received[0]);
            using (program)
            {
                socket.Send(answer.ToByteArray(), program is null ? [] : [program.Descriptor]);
            }

            received.ForEach(descriptor => descriptor.Dispose());
            received.Clear();
        }

        return 0;
    }

    private static (BpfLoadAnswer Answer, BpfProgram? Program) Answer(BpfLoadRequest request, FileDescriptor file)
    {
        byte[] bytes = new byte[Math.Min(file.Length, UploadedElf.FileBytesMax + 1)];
        file.ReadAt(bytes, 0);
        try
        {
            BpfProgram program = ElfProgram.Load(bytes, request.Section, out bool frags);
            return (new BpfLoadAnswer { Frags = frags, Version = Version }, program);
        }
        catch (CommandFaultException fault)
        {
            (string field, string description) = fault.Fields[0];
            return (
                new BpfLoadAnswer
                {
                    Fault = fault.Message,
                    Reason = fault.Reason,
                    Errno = (int)fault.Errno,
                    Field = field,
                    Log = description,
                    Version = Version,
                },
                null);
        }
    }
}
