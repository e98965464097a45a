using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Nf.Linux.Tests.Support;

namespace Nf.Linux.Tests.Abi;

/// <summary>Lets a C compiler check every struct and constant that is declared here a second time.</summary>
public class AbiTests
{
    private const BindingFlags AnyMember =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    private const string Includes = """
        #define _GNU_SOURCE
        #include <stddef.h>
        #include <stdint.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <poll.h>
        #include <sched.h>
        #include <time.h>
        #include <unistd.h>
        #include <sys/epoll.h>
        #include <sys/eventfd.h>
        #include <sys/ioctl.h>
        #include <sys/mman.h>
        #include <sys/prctl.h>
        #include <sys/socket.h>
        #include <sys/stat.h>
        #include <sys/syscall.h>
        #include <sys/timerfd.h>
        #include <sys/uio.h>
        #include <sys/un.h>
        #include <sys/vfs.h>
        #include <linux/aio_abi.h>
        #include <linux/bpf.h>
        #include <linux/ethtool.h>
        #include <linux/genetlink.h>
        #include <linux/if.h>
        #include <linux/if_link.h>
        #include <linux/if_xdp.h>
        #include <linux/magic.h>
        #include <linux/mempolicy.h>
        #include <linux/netlink.h>
        #include <linux/nsfs.h>
        #include <linux/rtnetlink.h>
        #include <linux/sockios.h>
        #include <linux/userfaultfd.h>
        #include <bpf/bpf.h>
        #include <bpf/libbpf.h>
        """;

    // In no header: a limit of the kernel's source, and header names of kernels to come that are enumerators in C,
    // where #ifdef cannot see them.
    private static readonly HashSet<string> NotInHeaders =
    [
        "XDP_UMEM_MIN_CHUNK_SIZE", "SCM_MAX_FD", "XDP_PGOFF_RX_RING",
    ];

    // Members that C has under another name, or that did not exist yet in the header of this machine (Linux 6.1).
    private static readonly Dictionary<string, string> MemberNames = new()
    {
        ["ifreq.ifr_name"] = "ifr_ifrn.ifrn_name",
        ["ifreq.ifr_data"] = "ifr_ifru.ifru_data",
        ["bpf_link_info.xdp_ifindex"] = "xdp.ifindex",
        ["uffd_msg.fork_ufd"] = "arg.fork.ufd",
        ["uffd_msg.remap_from"] = "arg.remap.from",
        ["uffd_msg.remap_to"] = "arg.remap.to",
        ["uffd_msg.remap_len"] = "arg.remap.len",
        ["uffd_msg.remove_start"] = "arg.remove.start",
        ["uffd_msg.remove_end"] = "arg.remove.end",
        ["uffd_msg.pagefault_flags"] = "arg.pagefault.flags",
        ["uffd_msg.pagefault_address"] = "arg.pagefault.address",
    };

    private static readonly HashSet<string> NewerThanHeaders = ["xdp_umem_reg.tx_metadata_len", "xsk_tx_metadata"];

    [Fact]
    public void Structs_CCompiler_AgreesWithEveryOffset()
    {
        var program = new StringBuilder(Includes).AppendLine();
        int count = 0;
        foreach (Type type in Structs())
        {
            CNameAttribute? name = type.GetCustomAttribute<CNameAttribute>();
            string c = name?.Type ?? $"struct {type.Name}";
            if (NewerThanHeaders.Contains(type.Name))
            {
                continue;
            }

            foreach (FieldInfo field in type.GetFields(AnyMember).Where(f => !f.IsStatic && f.Name[0] != '_'))
            {
                if (!NewerThanHeaders.Contains($"{type.Name}.{field.Name}"))
                {
                    string member = MemberNames.GetValueOrDefault($"{type.Name}.{field.Name}", field.Name);
                    program.AppendLine(
                        $"_Static_assert(offsetof({c}, {name?.Prefix}{member}) == " +
                        $"{Marshal.OffsetOf(type, field.Name)}, \"{type.Name}.{field.Name}\");");
                    count++;
                }
            }

            if (!type.Name.StartsWith("bpf_", StringComparison.Ordinal))
            {
                program.AppendLine($"_Static_assert(sizeof({c}) == {SizeOf(type)}, \"sizeof {type.Name}\");");
            }
        }

        Assert.True(count > 100, $"only {count} members found");
        AssertCompiles(program.ToString());
    }

    [Fact]
    public void Constants_CCompiler_AgreesWithEveryValue()
    {
        var program = new StringBuilder(Includes).AppendLine();
        int count = 0;
        foreach (Type type in new[] { typeof(Libc), typeof(IfXdp), typeof(LinuxBpf) })
        {
            foreach (FieldInfo field in type.GetFields(AnyMember).Where(f => f.IsLiteral))
            {
                if (char.IsUpper(field.Name[1]) && !NotInHeaders.Contains(field.Name))
                {
                    AppendConstant(program, field.Name, field.GetRawConstantValue()!);
                    count++;
                }
            }
        }

        foreach (Errno errno in Enum.GetValues<Errno>().Where(e => e is not (Errno.None or Errno.ENOTSUPP)))
        {
            AppendConstant(program, errno.ToString(), (int)errno);
        }

        Assert.True(count > 150, $"only {count} constants found");
        AssertCompiles(program.ToString());
    }

    [Fact]
    public void SystemCallNumbers_CCompiler_Agrees() => AssertCompiles(
        $"""
        {Includes}
        _Static_assert(__NR_membarrier == {Libc.SYS_membarrier}, "membarrier");
        _Static_assert(__NR_mbind == {Libc.SYS_mbind}, "mbind");
        _Static_assert(__NR_bpf == {Libc.SYS_bpf}, "bpf");
        _Static_assert(__NR_userfaultfd == {Libc.SYS_userfaultfd}, "userfaultfd");
        _Static_assert(__NR_io_setup == {Libc.SYS_io_setup}, "io_setup");
        _Static_assert(__NR_io_destroy == {Libc.SYS_io_destroy}, "io_destroy");
        _Static_assert(__NR_io_getevents == {Libc.SYS_io_getevents}, "io_getevents");
        _Static_assert(__NR_io_submit == {Libc.SYS_io_submit}, "io_submit");
        """);

    [Fact]
    public void Checker_WrongOffset_IsCaught()
    {
        (int exitCode, string output) = Compile(
            Includes + "\n_Static_assert(offsetof(struct xdp_umem_reg, headroom) == 16, \"headroom\");");
        Assert.NotEqual(0, exitCode);
        Assert.Contains("headroom", output, StringComparison.Ordinal);
    }

    [Fact]
    public unsafe void XskTxMetadata_Layout_IsTheOneOfSixFifteen()
    {
        Assert.Equal(24, sizeof(xsk_tx_metadata));
        Assert.Equal(8, (int)Marshal.OffsetOf<xsk_tx_metadata>(nameof(xsk_tx_metadata.tx_timestamp)));
        Assert.Equal(28, (int)Marshal.OffsetOf<xdp_umem_reg>(nameof(xdp_umem_reg.tx_metadata_len)));
    }

    private static IEnumerable<Type> Structs() => typeof(Libc).Assembly.GetTypes()
        .Where(type => type.IsValueType && !type.IsEnum && !type.IsNested && char.IsLower(type.Name[0]));

    private static int SizeOf(Type type) => (int)typeof(AbiTests)
        .GetMethod(nameof(SizeOfUnmanaged), BindingFlags.NonPublic | BindingFlags.Static)!
        .MakeGenericMethod(type)
        .Invoke(null, null)!;

    // Not Marshal.SizeOf, which sees fixed buffers and bools as a marshaller would.
    private static unsafe int SizeOfUnmanaged<T>()
        where T : unmanaged => sizeof(T);

    // What this machine's older headers lack as a macro may be an enumerator, or new: #ifdef alone would let wrong
    // values of enumerators pass, so those are compared where the compiler knows the name at all.
    private static void AppendConstant(StringBuilder program, string name, object value)
    {
        string assertion =
            $"_Static_assert((uint64_t)({name}) == (uint64_t){Literal(value)}, \"{name} is not {value}\");";
        if (IsEnumerator(name))
        {
            program.AppendLine(assertion);
        }
        else
        {
            program.AppendLine($"#ifdef {name}").AppendLine(assertion).AppendLine("#endif");
        }
    }

    private static bool IsEnumerator(string name) =>
        name.StartsWith("BPF_", StringComparison.Ordinal)
        || (name.StartsWith("IFLA_", StringComparison.Ordinal) && name != "IFLA_EXT_MASK")
        || name is "XDP_ABORTED" or "XDP_DROP" or "XDP_PASS" or "XDP_TX" or "XDP_REDIRECT"
            or "RTM_NEWLINK" or "RTM_DELLINK" or "RTM_GETLINK" or "CTRL_CMD_GETFAMILY"
            or "CTRL_ATTR_FAMILY_ID" or "CTRL_ATTR_FAMILY_NAME" or "MPOL_BIND" or "SOCK_STREAM";

    private static string Literal(object value) => value switch
    {
        int i when i < 0 => $"({i}ll)",
        _ => $"{Convert.ToUInt64(value)}ull",
    };

    private static void AssertCompiles(string program)
    {
        (int exitCode, string output) = Compile(program);
        Assert.True(exitCode == 0, output);
    }

    private static (int ExitCode, string Output) Compile(string program)
    {
        using var directory = new TempDirectory();
        string source = directory.File("abi.c");
        File.WriteAllText(source, program);
        return Command.TryRun("cc", "-std=gnu11", "-w", "-fsyntax-only", source);
    }
}
