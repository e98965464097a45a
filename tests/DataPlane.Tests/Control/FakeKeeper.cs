using Nf.DataPlane.Tests.Ports;
using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.DataPlane.Tests.Control;

/// <summary>Keeps what lives put, in this process, behind the real client and the real socket.</summary>
internal sealed class FakeKeeper : IDisposable
{
    private readonly Lock _gate = new();
    private readonly string _folder = Rig.NewFolder();
    private readonly SeqPacketSocket _listener;
    private readonly Dictionary<string, StoreEntry> _entries = [];
    private readonly List<SeqPacketSocket> _connections = [];

    internal FakeKeeper() => _listener = SeqPacketSocket.Listen(Path.Combine(_folder, "keeper.sock"));

    /// <summary>Keys that are kept.</summary>
    internal string[] Keys
    {
        get
        {
            lock (_gate)
            {
                return [.. _entries.Keys.Order(StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>Called with the key of what was put, before the life hears of it; to throw is to refuse.</summary>
    internal Action<string>? Stored { get; set; }

    /// <summary>A life's end of the store.</summary>
    internal StoreClient Connect()
    {
        StoreClient client = StoreClient.Connect(Path.Combine(_folder, "keeper.sock"));
        SeqPacketSocket connection = _listener.Accept();
        _connections.Add(connection);
        new Thread(() => Serve(connection)) { IsBackground = true, Name = "fake-keeper" }.Start();
        return client;
    }

    /// <summary>The store as the next life gets it: descriptors of its own.</summary>
    internal IReadOnlyList<StoreEntry> Snapshot()
    {
        lock (_gate)
        {
            return
            [
                .. _entries.Values.Select(
                    entry => entry with { Descriptors = [.. entry.Descriptors.Select(d => d.Duplicate())] }),
            ];
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        lock (_gate)
        {
            foreach (string key in _entries.Keys.ToArray())
            {
                Forget(key);
            }
        }

        Directory.Delete(_folder, recursive: true);
    }

    private void Serve(SeqPacketSocket connection)
    {
        byte[] buffer = new byte[StoreCodec.MessageBytesMax];
        var received = new List<FileDescriptor>();
        using (connection)
        {
            while (connection.Receive(buffer, out int length, received) != TransferStatus.Closed)
            {
                StoreMessage message = StoreCodec.Parse(buffer.AsSpan(0, length), received.Count);
                if (message.Type is not (StoreMessageType.Put or StoreMessageType.Drop))
                {
                    continue;
                }

                lock (_gate)
                {
                    Forget(message.Key);
                    if (message.Type == StoreMessageType.Put)
                    {
                        _entries[message.Key] = new StoreEntry(message.Key, message.Metadata.ToArray(), [.. received]);
                        received.Clear();
                    }
                }

                int answer;
                try
                {
                    Stored?.Invoke(message.Key);
                    answer = StoreCodec.Write(buffer, StoreMessageType.Ack, message.Sequence, "", [], 0);
                }
                catch (InvalidOperationException refusal)
                {
                    byte[] reason = System.Text.Encoding.UTF8.GetBytes(refusal.Message);
                    answer = StoreCodec.Write(buffer, StoreMessageType.Nak, message.Sequence, "", reason, 0);
                }

                connection.Send(buffer.AsSpan(0, answer));
            }
        }
    }

    private void Forget(string key)
    {
        if (_entries.Remove(key, out StoreEntry? entry))
        {
            foreach (FileDescriptor descriptor in entry.Descriptors)
            {
                descriptor.Dispose();
            }
        }
    }
}
