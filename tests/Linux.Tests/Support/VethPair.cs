namespace Nf.Linux.Tests.Support;

/// <summary>Two interfaces of one test namespace, joined by a wire; both up. Gone with the namespace.</summary>
public sealed class VethPair
{
    /// <param name="space">Where.</param>
    /// <param name="queues">Queues of each direction, on both ends; all in use.</param>
    /// <param name="mtu">Bytes.</param>
    /// <param name="first">Name of one end.</param>
    /// <param name="second">Name of the other.</param>
    public VethPair(TestNamespace space, int queues = 1, int mtu = 1500, string first = "va", string second = "vb")
    {
        string count = $"numrxqueues {queues} numtxqueues {queues}";
        space.Ip($"link add {first} {count} mtu {mtu} type veth peer name {second} {count} mtu {mtu}");
        First = first;
        Second = second;
        if (queues > 1)
        {
            space.Run(() =>
            {
                using var ethtool = new Ethtool();
                ethtool.SetChannels(first, queues, queues, 0);
                ethtool.SetChannels(second, queues, queues, 0);
            });
        }

        space.Ip($"link set {first} up");
        space.Ip($"link set {second} up");
        FirstIfindex = space.Ifindex(first);
        SecondIfindex = space.Ifindex(second);
    }

    public string First { get; }

    public string Second { get; }

    public int FirstIfindex { get; }

    public int SecondIfindex { get; }
}
