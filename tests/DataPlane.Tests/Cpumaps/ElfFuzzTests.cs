using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Faults;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>Strangers' ELF files: whatever they are, this process lives on.</summary>
[Trait("Tier", "kernel")]
public class ElfFuzzTests
{
    private const int Seed = 20260;
    private const int Mutations = 1500;

    private static readonly Lazy<byte[]> Valid = new(() => BpfSource.Compile("""
        struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); }
        counts SEC(".maps");
        const volatile __u32 limit = 7;
        static __noinline int helper(__u32 *key) { return bpf_map_lookup_elem(&counts, key) ? 1 : 0; }
        SEC("xdp/cpumap") int entry(struct xdp_md *ctx)
        {
        	__u32 key = ctx->rx_queue_index;
        	return key > limit || helper(&key) ? XDP_DROP : XDP_PASS;
        }
        """));

    /// <summary>What, and how the valid file is broken.</summary>
    public static TheoryData<string, byte[]> BadHeaders => new()
    {
        { "nothing", [] },
        { "63 bytes", Valid.Value[..63] },
        { "a header only", Valid.Value[..64] },
        { "another magic", Changed(0, 0x7e) },
        { "32 bits", Changed(4, 1) },
        { "the other byte order", Changed(5, 2) },
        { "an executable", Changed(16, 2) },
        { "for this machine", Changed(18, 62) },
        { "sections of another size", Changed(58, 63) },
        { "no section", Changed(60, 0) },
        { "names in no section", Changed(62, 0xff) },
        { "table beyond the file", Changed(43, 0x7f) },
        { "cut off", Valid.Value[..^100] },
        { "too large", new byte[UploadedElf.FileBytesMax + 1] },
    };

    [Theory]
    [MemberData(nameof(BadHeaders))]
    public void Check_Broken_SaysWhatIsWrong(string what, byte[] file) =>
        Assert.False(string.IsNullOrEmpty(UploadedElf.Check(file)), what);

    [Fact]
    public void Check_WhatClangWrites_IsFine() => Assert.Null(UploadedElf.Check(Valid.Value));

    [Fact]
    public void Load_MutatedFiles_GiveAProgramOrAFault()
    {
        var random = new Random(Seed);
        int reached = 0;
        int refused = 0;
        int died = 0;
        using var loader = new BpfLoader(TimeSpan.FromSeconds(10));
        for (int i = 0; i < Mutations; i++)
        {
            byte[] file = Mutate(random, Valid.Value);
            reached += UploadedElf.Check(file) is null ? 1 : 0;
            try
            {
                using FileDescriptor memory = InMemory(file);
                loader.Load(memory, "", out _).Dispose();
            }
            catch (CommandFaultException fault)
            {
                Assert.NotEmpty(fault.Fields);
                refused++;
                died += fault.Reason == "LOADER_DIED" ? 1 : 0;
            }
        }

        Assert.True(reached > Mutations / 4, $"only {reached} mutations got past the header");
        Assert.True(refused > Mutations / 4, $"only {refused} were refused, {died} of them with the loader's life");
    }

    [Fact]
    public void Load_ProcessThatHangs_IsEndedAndTold()
    {
        using FileDescriptor memory = InMemory(Valid.Value);
        using var impatient = new BpfLoader(TimeSpan.Zero);

        var fault = Assert.Throws<CommandFaultException>(() => impatient.Load(memory, "", out _));

        Assert.Equal("LOADER_DIED", fault.Reason);
        Assert.Contains("signal 9", fault.Message, StringComparison.Ordinal);
        using var patient = new BpfLoader(BpfLoader.PatienceDefault);
        patient.Load(memory, "", out bool frags).Dispose();
        Assert.False(frags);
    }

    private static FileDescriptor InMemory(byte[] file)
    {
        FileDescriptor memory = MemFile.Create("nf-test-elf", Math.Max(file.Length, 1), new MemFileOptions());
        memory.WriteAt(file, 0);
        return memory;
    }

    private static byte[] Changed(int offset, byte value)
    {
        byte[] file = [.. Valid.Value];
        file[offset] = value;
        return file;
    }

    // Mostly one to four places, because more than that never get past the first check of anything.
    private static byte[] Mutate(Random random, byte[] valid)
    {
        byte[] file = [.. valid];
        for (int places = random.Next(1, 5); places > 0; places--)
        {
            int at = random.Next(file.Length - 8);
            switch (random.Next(5))
            {
                case 0:
                    file[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    file[at] = (byte)random.Next(256);
                    break;
                case 2:
                    BitConverter.TryWriteBytes(file.AsSpan(at & ~3), (uint)random.Next(-2, 70000));
                    break;
                case 3:
                    BitConverter.TryWriteBytes(file.AsSpan(at & ~7), random.NextInt64());
                    break;
                default:
                    int from = random.Next(file.Length - 8);
                    file.AsSpan(from, random.Next(1, 8)).CopyTo(file.AsSpan(at));
                    break;
            }
        }

        return random.Next(20) == 0 ? file[..random.Next(file.Length)] : file;
    }
}
