using System.Buffers.Binary;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>Packets as filters look for them, some of them cut short or with a byte changed.</summary>
internal static class PacketMaker
{
    private static readonly byte[] s_protocols = [1, 6, 6, 17, 17, 58, 132];
    private static readonly ushort[] s_ports = [1, 2, 53, 80, 500, 8080];

    internal static byte[] Next(Random random)
    {
        var packet = new byte[random.Next(60, 300)];
        random.NextBytes(packet.AsSpan(54));
        packet[5] = (byte)random.Next(3);
        packet[0] = (byte)random.Next(4);
        packet[6] = 2;
        packet[11] = (byte)random.Next(3);
        int at = 12;
        if (random.Next(4) == 0)
        {
            Put(packet, ref at, 0x8100);
            Put(packet, ref at, (ushort)(random.Next(2) == 0 ? 100 : 5));
        }

        switch (random.Next(5))
        {
            case 0:
                Put(packet, ref at, (ushort)(random.Next(2) == 0 ? 0x0806 : 0x88cc));
                break;
            case 1:
                Put(packet, ref at, 0x86dd);
                PutIpv6(packet.AsSpan(at), random);
                break;
            default:
                Put(packet, ref at, 0x0800);
                PutIpv4(packet.AsSpan(at), random);
                break;
        }

        if (random.Next(3) == 0)
        {
            packet[random.Next(packet.Length)] = (byte)random.Next(256);
        }

        return random.Next(4) == 0 ? packet[..random.Next(packet.Length)] : packet;
    }

    private static void PutIpv4(Span<byte> ip, Random random)
    {
        int words = random.Next(4) == 0 ? 6 : 5;
        ip[0] = (byte)(0x40 | words);
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        ip[6] = (byte)(random.Next(6) == 0 ? 0x20 : 0);
        ip[7] = (byte)(random.Next(6) == 0 ? 9 : 0);
        ip[8] = (byte)random.Next(10);
        ip[9] = s_protocols[random.Next(s_protocols.Length)];
        PutAddress(ip[12..], random);
        PutAddress(ip[16..], random);
        PutPorts(ip[(words * 4)..], random);
    }

    private static void PutIpv6(Span<byte> ip, Random random)
    {
        ip[..40].Clear();
        ip[0] = 0x60;
        ip[6] = s_protocols[random.Next(s_protocols.Length)];
        foreach (int at in new[] { 8, 24 })
        {
            BinaryPrimitives.WriteUInt32BigEndian(ip[at..], 0x20010db8);
            ip[at + 15] = (byte)random.Next(3);
        }

        if (ip.Length >= 44)
        {
            PutPorts(ip[40..], random);
        }
    }

    private static void PutAddress(Span<byte> at, Random random) => BinaryPrimitives.WriteUInt32BigEndian(
        at, random.Next(3) switch { 0 => 0x0a000001, 1 => 0xc0a80001, _ => 0x0a010000 + (uint)random.Next(4) });

    private static void PutPorts(Span<byte> at, Random random)
    {
        BinaryPrimitives.WriteUInt16BigEndian(at, s_ports[random.Next(s_ports.Length)]);
        BinaryPrimitives.WriteUInt16BigEndian(at[2..], s_ports[random.Next(s_ports.Length)]);
        if (at.Length >= 24 && random.Next(2) == 0)
        {
            at[12] = 0x50;
            "GET "u8.CopyTo(at[20..]);
        }
    }

    private static void Put(byte[] packet, ref int at, ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(at), value);
        at += 2;
    }
}
