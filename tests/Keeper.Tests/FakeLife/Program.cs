using System.Globalization;
using System.Text;
using Nf.Linux;
using Nf.SharedMemory.Store;

// A data plane that does what a test tells it on a control socket: it stores, shows, hangs, lies and ends.
// Arguments: --run DIR --keeper PATH --control PATH [--fail]
string Option(string name) => args[Array.IndexOf(args, name) + 1];

if (args.Contains("--fail"))
{
    return 3;
}

var commands = new List<FileDescriptor>();
using var control = SeqPacketSocket.Connect(Option("--control"));
Say($"started {Environment.ProcessId}");
bool isRaw = Ask() == "raw";
if (isRaw)
{
    using var raw = SeqPacketSocket.Connect(Option("--keeper"));
    while (true)
    {
        raw.Send(Convert.FromHexString(Ask()));
        Say("sent");
    }
}

using var store = StoreClient.Connect(Option("--keeper"));
store.AnnounceReady();
Say("ready");
if (store.WaitForActivation() is not { } activation)
{
    Say("not activated");
    return 0;
}

Say($"active {activation.Generation} {string.Join(',', activation.Entries.Select(entry => entry.Key))}");
using var epoll = new Epoll();
using var beat = TimerFd.Periodic(TimeSpan.FromMilliseconds(100));
epoll.Add(control.Descriptor, EpollEvents.In, 0);
epoll.Add(store.Descriptor, EpollEvents.In, 1);
epoll.Add(beat.Descriptor, EpollEvents.In, 2);
bool isSilent = false;
bool isStubborn = false;
while (true)
{
    var events = new EpollEvent[3];
    foreach (EpollEvent happened in events.AsSpan(0, epoll.Wait(events, -1)))
    {
        switch (happened.Token)
        {
            case 0:
                string[] words = Ask().Split(' ');
                switch (words[0])
                {
                    case "hang":
                        isSilent = true;
                        Say("ok");
                        break;
                    case "stubborn":
                        isStubborn = true;
                        Say("ok");
                        break;
                    case "exit":
                        return int.Parse(words[1], CultureInfo.InvariantCulture);
                    default:
                        Do(words);
                        break;
                }

                break;
            case 1:
                KeeperSignal signal = store.ReadSignal();
                if (signal == KeeperSignal.Gone || (signal == KeeperSignal.Shutdown && !isStubborn))
                {
                    Say($"{signal}");
                    return signal == KeeperSignal.Shutdown ? 0 : 4;
                }

                break;
            default:
                beat.TryRead(out _);
                if (!isSilent)
                {
                    store.Heartbeat();
                }

                break;
        }
    }
}

void Do(string[] words)
{
    try
    {
        switch (words[0])
        {
            case "put":
                store.Put(words[1], Convert.FromHexString(words[2]), commands.ToArray());
                Say("ok");
                break;
            case "drop":
                store.Drop(words[1]);
                Say("ok");
                break;
            case "show":
                StoreEntry entry = activation.Entries.Single(e => e.Key == words[1]);
                control.Send(
                    Encoding.UTF8.GetBytes($"shown {Convert.ToHexString(entry.Metadata)}"), [.. entry.Descriptors]);
                break;
            case "connect":
                using (var second = SeqPacketSocket.Connect(Option("--keeper")))
                {
                    var buffer = new byte[16];
                    Say($"{second.Receive(buffer, out _, [])}");
                }

                break;
        }
    }
    catch (StoreException e)
    {
        Say($"refused: {e.Message}");
    }

    commands.ForEach(descriptor => descriptor.Dispose());
    commands.Clear();
}

void Say(string text) => control.Send(Encoding.UTF8.GetBytes(text));

string Ask()
{
    var buffer = new byte[128 * 1024];
    if (control.Receive(buffer, out int length, commands) == TransferStatus.Closed)
    {
        Environment.Exit(5);
    }

    return Encoding.UTF8.GetString(buffer, 0, length);
}
