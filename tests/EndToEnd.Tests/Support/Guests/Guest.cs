using System.Globalization;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>A running virtual machine: QEMU without hardware help, a shell on its serial port, its monitor.</summary>
internal sealed class Guest : IAsyncDisposable
{
    private const int MemoryMiB = 192;
    private const int PageBytes = 4096;

    private readonly Daemon _qemu;
    private readonly string _console;

    private Guest(GuestSpec spec, Daemon qemu, GuestShell shell, Qmp monitor, string console)
    {
        Spec = spec;
        _qemu = qemu;
        Shell = shell;
        Monitor = monitor;
        _console = console;
    }

    internal GuestSpec Spec { get; }

    internal string Address => Spec.Address;

    internal GuestShell Shell { get; }

    internal Qmp Monitor { get; }

    internal int Pid => _qemu.Pid;

    internal bool HasExited => _qemu.HasExited;

    /// <summary>What QEMU said and the last of what the kernel said.</summary>
    internal string Log
    {
        get
        {
            string console = File.Exists(_console) ? File.ReadAllText(_console) : "";
            return string.Create(
                CultureInfo.InvariantCulture, $"----- guest {Spec.Name} (pid {Pid})\n{_qemu.Log}\n{Tail(console)}");
        }
    }

    /// <summary>
    /// Starts a machine; the shell answers when it has booted (see <see cref="BootedAsync"/>). One that a machine moves
    /// into stands still until its monitor is told <c>cont</c>.
    /// </summary>
    internal static async Task<Guest> StartAsync(GuestSpec spec, string folder)
    {
        await GuestImage.ReadyAsync();
        string qemu = spec.NewerQemu ? await GuestImage.BackportsAsync() : GuestImage.Installed;
        string shell = Path.Combine(folder, $"{spec.Name}.shell"), monitor = Path.Combine(folder, $"{spec.Name}.qmp");
        string console = Path.Combine(folder, $"{spec.Name}.console");
        Daemon process = Daemon.Start($"qemu {spec.Name}", [qemu, .. Machine(spec), "-serial", $"file:{console}",
            "-serial", $"unix:{shell},server=on,wait=off", "-qmp", $"unix:{monitor},server=on,wait=off"]);
        try
        {
            return new Guest(spec, process, await GuestShell.ConnectAsync(shell, process),
                await Qmp.ConnectAsync(monitor, process), console);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a machine and waits until it has booted.</summary>
    internal static async Task<Guest> BootAsync(GuestSpec spec, string folder)
    {
        Guest guest = await StartAsync(spec, folder);
        try
        {
            await guest.BootedAsync();
            return guest;
        }
        catch (Exception e)
        {
            string log = guest.Log;
            await guest.DisposeAsync();
            throw new InvalidOperationException($"{e.Message}\n{log}", e);
        }
    }

    /// <summary>Waits until the first program of the guest serves commands.</summary>
    internal Task BootedAsync() => Shell.ReadyAsync();

    /// <summary>Runs a command in the guest that must succeed; what it wrote.</summary>
    internal Task<string> RunAsync(string command, TimeSpan? patience = null) => Shell.RunAsync(command, patience);

    /// <summary>Waits until a ping reaches an address.</summary>
    internal Task PingableAsync(string address)
    {
        return Eventually.TrueAsync($"{Spec.Name} pings {address}", async () =>
            (await Shell.TryAsync($"ping -c 1 -W 1 {address}")).ExitCode == 0, TimeSpan.FromSeconds(60));
    }

    /// <summary>Restarts the guest's kernel as a person would, and waits until it serves again.</summary>
    internal async Task RebootAsync()
    {
        await Shell.SendAsync("reboot -f");
        await BootedAsync();
    }

    /// <summary>Pages of memory that differ from those of another machine; both must stand still.</summary>
    internal async Task<IReadOnlyList<int>> PagesUnlikeAsync(Guest other, string folder)
    {
        string[] files = [Path.Combine(folder, "one.ram"), Path.Combine(folder, "other.ram")];
        try
        {
            foreach ((Guest guest, string file) in new[] { this, other }.Zip(files))
            {
                await guest.Monitor.CallAsync("pmemsave", new { val = 0, size = MemoryMiB << 20, filename = file });
            }

            byte[] one = await File.ReadAllBytesAsync(files[0]), two = await File.ReadAllBytesAsync(files[1]);
            return [.. Enumerable.Range(0, one.Length / PageBytes).Where(page =>
                !one.AsSpan(page * PageBytes, PageBytes).SequenceEqual(two.AsSpan(page * PageBytes, PageBytes)))];
        }
        finally
        {
            Array.ForEach(files, File.Delete);
        }
    }

    /// <summary>Ends QEMU as a crash would.</summary>
    internal Task KillAsync() => _qemu.KillAsync();

    public async ValueTask DisposeAsync()
    {
        Shell.Dispose();
        Monitor.Dispose();
        // A guest has nothing to save: no waiting for a machine that hangs.
        if (!_qemu.HasExited)
        {
            await _qemu.KillAsync();
        }

        await _qemu.DisposeAsync();
    }

    private static string[] Machine(GuestSpec spec)
    {
        string memory = string.Create(CultureInfo.InvariantCulture, $"{MemoryMiB}M");
        string queues = string.Create(CultureInfo.InvariantCulture, $"{spec.QueuePairs}");
        string card = $"virtio-net-pci,netdev=net,romfile=,mac={spec.Mac},rx_queue_size=1024,tx_queue_size=1024";
        card += spec.Packed ? ",packed=on" : "";
        card += spec.QueuePairs > 1 ? ",mq=on" : "";
        // QEMU 7.2 without KVM crashes with vhost-user and MSI-X.
        card += spec.NewerQemu ? "" : ",vectors=0";
        card += spec.Properties.Length > 0 ? $",{spec.Properties}" : "";
        string connection = spec switch
        {
            { Listens: true } => ",server=on,wait=off",
            { Reconnects: true, NewerQemu: true } => ",reconnect-ms=100",
            { Reconnects: true } => ",reconnect=1",
            _ => "",
        };
        return [
            "-nodefaults", "-display", "none", "-M", "pc", "-cpu", "max", "-accel", "tcg,thread=multi", "-smp", queues,
            "-m", memory, "-object", $"memory-backend-memfd,id=memory,size={memory},share=on",
            "-numa", "node,memdev=memory", "-kernel", GuestImage.Kernel, "-initrd", GuestImage.Initramfs,
            "-append", $"console=ttyS0 quiet panic=-1 tsc=reliable mitigations=off nf.address={spec.Address}/24",
            "-chardev", $"socket,id=char,path={spec.SocketPath}{connection}",
            "-netdev", $"vhost-user,id=net,chardev=char,queues={queues}", "-device", card,
            .. spec.Incoming is { } incoming ? new[] { "-S", "-incoming", incoming } : [],
        ];
    }

    private static string Tail(string text) => text.Length > 3000 ? "…" + text[^3000..] : text;
}
