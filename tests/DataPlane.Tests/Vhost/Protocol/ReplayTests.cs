using Nf.DataPlane.Tests.Vhost.Protocol.Support;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol;

/// <summary>What the known front-ends send, message by message. None of it may be a fault.</summary>
public class ReplayTests
{
    private const ulong AllProtocolFeatures = ulong.MaxValue;

    [Theory] // L01, L02, L03
    [InlineData(1, false)]
    [InlineData(4, false)]
    [InlineData(1, true)]
    [InlineData(4, true)]
    public void Qemu_BootsStopsAndBootsAgain(int pairs, bool slots)
    {
        using var rig = new SessionRig(pairs);
        ScriptedFrontEnd qemu = Qemu(rig, pairs);
        GuestRam[] memory = [rig.Own(new GuestRam()), rig.Own(new GuestRam(0x1_0000_0000, 0x1_0000_0000))];
        QemuConnects(qemu, slots);
        for (uint boot = 0; boot < 2; boot++)
        {
            QemuStarts(qemu, memory, slots);
            qemu.AssertRunning();
            Array.Fill(rig.Host.StopsAt, 100 + boot);
            for (int ring = 0; ring < qemu.Rings; ring++)
            {
                qemu.Stop(ring);
            }

            Assert.False(rig.Host.AnyRunning);
            qemu.Set(VhostRequest.SET_STATUS, Messages.Number(0));
        }

        Assert.All(qemu.Bases, at => Assert.Equal(101u, at));
    }

    [Fact] // the guest drives one pair of four, later two
    public void Qemu_TurnsPairsOnAndOff()
    {
        using var rig = new SessionRig(4);
        ScriptedFrontEnd qemu = Qemu(rig, 4);
        QemuConnects(qemu, slots: false);
        QemuStarts(qemu, [rig.Own(new GuestRam())], slots: false);
        qemu.Enable(6, false);
        qemu.Enable(7, false);
        Assert.Equal([true, true, true, true, true, true, false, false], rig.Host.Enabled);
        Assert.NotNull(rig.Host.Running[7]);
    }

    [Fact] // migration: log, LOG_ALL, flags, and all of it back
    public void Qemu_Migrates()
    {
        using var rig = new SessionRig(2);
        ScriptedFrontEnd qemu = Qemu(rig, 2);
        QemuConnects(qemu, slots: false);
        GuestRam ram = rig.Own(new GuestRam());
        QemuStarts(qemu, [ram], slots: false);
        FileDescriptor log = rig.Own(MemFile.Create("log", 4096, new MemFileOptions()));
        qemu.Get(VhostRequest.SET_LOG_BASE, Messages.Payload(new SharedFilePayload(4096, 0)), log);
        foreach (bool logs in (bool[])[true, false])
        {
            ulong features = SessionRig.Features | (logs ? VirtioFeatures.LogAll : 0);
            qemu.Set(VhostRequest.SET_FEATURES, Messages.Number(features));
            qemu.SetUpRing(ram, 0, "A", logs ? 1u : 0u);
            qemu.SetUpRing(ram, 1, "A", logs ? 1u : 0u);
            Assert.Equal(logs, rig.Host.Running[0]!.Log is not null);
            Assert.Equal(logs, rig.Host.Running[1]!.UsedLogAddress is not null);
        }

        qemu.Set(VhostRequest.SEND_RARP, [0x52, 0x54, 0, 1, 2, 3, 0, 0]);
        Assert.DoesNotContain(rig.Host.Calls, call => call.StartsWith("stop", StringComparison.Ordinal));
        qemu.AssertRunning();
    }

    [Theory] // L04
    [InlineData(1, false)]
    [InlineData(2, true)]
    public void VirtioUser_StartsStopsAndStartsAgain(int pairs, bool packed)
    {
        using var rig = new SessionRig(pairs);
        var user = new ScriptedFrontEnd(rig, pairs, request => request == VhostRequest.SET_MEM_TABLE);
        GuestRam ram = rig.Own(new GuestRam(guest: GuestRam.DefaultUser)); // user address == guest address
        user.Set(VhostRequest.SET_OWNER);
        user.Get(VhostRequest.GET_FEATURES);
        user.NegotiateProtocol(ProtocolFeatures.MQ | ProtocolFeatures.REPLY_ACK | ProtocolFeatures.STATUS);
        for (int boot = 0; boot < 2; boot++)
        {
            foreach (ulong status in (ulong[])[0, 1, 3])
            {
                user.Set(VhostRequest.SET_STATUS, Messages.Number(status));
            }

            for (int ring = 0; ring < user.Rings; ring++)
            {
                user.SetCall(ring);
                user.Bases[ring] = packed ? 0x8000u : 0;
            }

            user.Set(
                VhostRequest.SET_FEATURES,
                Messages.Number(SessionRig.Features | (packed ? VirtioFeatures.RingPacked : 0)));
            user.Set(VhostRequest.SET_STATUS, Messages.Number(0xb));
            Assert.Equal(0xbUL, user.Get(VhostRequest.GET_STATUS).Number);
            user.Set(VhostRequest.SET_MEM_TABLE, Messages.Table(ram.Layout), ram.File);
            for (int ring = 0; ring < user.Rings; ring++)
            {
                user.SetUpRing(ram, ring, "NBAK");
                user.Bases[ring] = packed ? 0x8000_8000u : 0;
            }

            for (int ring = 0; ring < user.Rings; ring++)
            {
                user.Enable(ring, true);
            }

            user.Set(VhostRequest.SET_STATUS, Messages.Number(0xf));
            user.AssertRunning();
            for (int ring = 0; ring < user.Rings; ring++)
            {
                user.Enable(ring, false);
            }

            for (int ring = 0; ring < user.Rings; ring++)
            {
                user.Stop(ring);
            }
        }

        Assert.False(rig.Host.AnyRunning);
    }

    [Theory] // L05, L08
    [InlineData(1)]
    [InlineData(2)]
    public void CloudHypervisor_StartsPausesResumesAndResets(int pairs)
    {
        using var rig = new SessionRig(pairs);
        ScriptedFrontEnd clh = CloudHypervisor(rig, pairs, out GuestRam ram);
        for (int round = 0; round < 3; round++)
        {
            ForEachRing(clh, ring => clh.Enable(ring, false)); // pause
            Assert.NotNull(rig.Host.Running[0]);
            ForEachRing(clh, ring => clh.Enable(ring, true)); // resume
            clh.AssertRunning();
        }

        ForEachRing(clh, ring => clh.Enable(ring, false)); // reset
        ForEachRing(clh, clh.Stop);
        Assert.False(rig.Host.AnyRunning);
        ForEachRing(clh, ring => clh.SetUpRing(ram, ring, "NABCKE"));
        clh.AssertRunning();
    }

    [Fact] // a new log file with each pass, of a size that is no multiple of eight
    public void CloudHypervisor_Migrates()
    {
        using var rig = new SessionRig(1);
        ScriptedFrontEnd clh = CloudHypervisor(rig, 1, out _);
        for (int pass = 0; pass < 5; pass++)
        {
            FileDescriptor log = rig.Own(MemFile.Create("log", 129, new MemFileOptions()));
            var shape = new SharedFilePayload(129, 0);
            Assert.Equal(shape, clh.Get(
                VhostRequest.SET_LOG_BASE, Messages.Payload(shape), log).As<SharedFilePayload>());
            clh.Set(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features | VirtioFeatures.LogAll));
            Assert.Equal(129UL, rig.Host.Running[0]!.Log!.SizeBytes);
        }

        clh.AssertRunning();
    }

    [Fact] // L06
    public void Crosvm_StartsSleepsAndSavesItsState()
    {
        const ulong Known = ProtocolFeatures.CONFIG | ProtocolFeatures.MQ | ProtocolFeatures.BACKEND_REQ |
            ProtocolFeatures.DEVICE_STATE | ProtocolFeatures.SHMEM | ProtocolFeatures.REPLY_ACK;
        using var rig = new SessionRig(1);
        var crosvm = new ScriptedFrontEnd(rig, 1, _ => false);
        crosvm.Set(VhostRequest.SET_OWNER);
        crosvm.Get(VhostRequest.GET_FEATURES);
        crosvm.NegotiateProtocol(Known);
        SetBackendChannel(crosvm);
        Assert.Equal(2UL, crosvm.Get(VhostRequest.GET_QUEUE_NUM).Number);
        crosvm.Set(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features));
        GuestRam ram = rig.Own(new GuestRam());
        crosvm.Set(VhostRequest.SET_MEM_TABLE, Messages.Table(ram.Layout), ram.File);
        ForEachRing(crosvm, ring => crosvm.SetUpRing(ram, ring, "NABCKE"));
        crosvm.AssertRunning();
        Assert.Equal(14, crosvm.Get(VhostRequest.GET_CONFIG, Messages.Config(6, 2, 0, new byte[2])).Payload.Length);
        ForEachRing(crosvm, ring => crosvm.Enable(ring, false));
        ForEachRing(crosvm, crosvm.Stop);
        (UnixStreamSocket read, UnixStreamSocket write) = UnixStreamSocket.SocketPair();
        rig.Own(read);
        byte[] save = Messages.Payload(new DeviceStatePayload(0, 0));
        Assert.Equal(0x100UL, crosvm.Get(VhostRequest.SET_DEVICE_STATE_FD, save, write.Descriptor).Number);
        write.Dispose();
        Assert.Equal(0UL, crosvm.Get(VhostRequest.CHECK_DEVICE_STATE).Number);
        Assert.Equal(0UL, rig.FaultCount());
    }

    [Fact] // L07
    public void OldFrontEnd_KnowsNeitherProtocolFeaturesNorEnable()
    {
        using var rig = new SessionRig(1);
        var old = new ScriptedFrontEnd(rig, 1, _ => false);
        old.Set(VhostRequest.SET_OWNER);
        old.Get(VhostRequest.GET_FEATURES);
        old.Set(VhostRequest.SET_FEATURES, Messages.Number(VirtioFeatures.GuestChecksum));
        GuestRam ram = rig.Own(new GuestRam());
        old.Set(VhostRequest.SET_MEM_TABLE, Messages.Table(ram.Layout), ram.File);
        ForEachRing(old, ring => old.SetUpRing(ram, ring, "NBACK"));
        old.AssertRunning();
        ForEachRing(old, old.Stop);
        Assert.False(rig.Host.AnyRunning);
    }

    [Fact] // L09, K07
    public void Qemu_Reconnects()
    {
        using var host = new FakeHost(2);
        for (int life = 0; life < 3; life++)
        {
            using var rig = new SessionRig(2, host, ownsHost: false);
            Assert.All(rig.Session.Describe().Rings, ring => Assert.False(ring.Started || ring.Enabled));
            Assert.Null(rig.Session.Describe().Features);
            ScriptedFrontEnd qemu = Qemu(rig, 2);
            Array.Fill(qemu.Bases, (uint)(60 * life)); // the used index, since nobody asked for the base
            QemuConnects(qemu, slots: false);
            QemuStarts(qemu, [rig.Own(new GuestRam())], slots: false);
            qemu.AssertRunning();
            rig.ClosePeer(); // QEMU is killed
            Assert.False(rig.Session.OnReadable());
        }
    }

    private static ScriptedFrontEnd Qemu(SessionRig rig, int pairs) => new(rig, pairs, request =>
        request is VhostRequest.SET_MEM_TABLE or VhostRequest.ADD_MEM_REG or VhostRequest.REM_MEM_REG or
            VhostRequest.SET_VRING_KICK or VhostRequest.SET_VRING_CALL or VhostRequest.SET_VRING_ERR or
            VhostRequest.SET_VRING_ENABLE or VhostRequest.NET_SET_MTU or VhostRequest.SET_BACKEND_REQ_FD or
            VhostRequest.SET_CONFIG);

    private static void QemuConnects(ScriptedFrontEnd qemu, bool slots)
    {
        qemu.Get(VhostRequest.GET_FEATURES);
        qemu.NegotiateProtocol(AllProtocolFeatures & ~(slots ? 0 : ProtocolFeatures.CONFIGURE_MEM_SLOTS));
        Assert.InRange(qemu.Get(VhostRequest.GET_QUEUE_NUM).Number, (ulong)qemu.Rings / 2, 256UL);
        if (slots)
        {
            Assert.InRange(qemu.Get(VhostRequest.GET_MAX_MEM_SLOTS).Number, 8UL, 1024UL);
        }

        SetBackendChannel(qemu);
        qemu.Set(VhostRequest.SET_OWNER);
        for (int ring = 0; ring < qemu.Rings; ring++)
        {
            if (ring % 2 == 0)
            {
                qemu.Get(VhostRequest.GET_FEATURES);
            }

            qemu.SetCall(ring);
            qemu.Set(
                VhostRequest.SET_VRING_ERR, Messages.Number((ulong)ring), qemu.Rig.NewEventFd().Descriptor);
        }
    }

    private static void QemuStarts(ScriptedFrontEnd qemu, GuestRam[] memory, bool slots)
    {
        for (int ring = 0; ring < qemu.Rings; ring += 2)
        {
            qemu.Enable(ring, true);
            qemu.Enable(ring + 1, true);
            qemu.Set(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features));
            ulong status = qemu.Get(VhostRequest.GET_STATUS).Number;
            qemu.Set(VhostRequest.SET_STATUS, Messages.Number(status | 8));
            if (ring == 0)
            {
                QemuSendsMemory(qemu, memory, slots);
            }

            qemu.SetUpRing(memory[0], ring, "NBAKC");
            qemu.SetUpRing(memory[0], ring + 1, "NBAKC");
        }

        qemu.Set(VhostRequest.SET_STATUS, Messages.Number(15));
    }

    private static void QemuSendsMemory(ScriptedFrontEnd qemu, GuestRam[] memory, bool slots)
    {
        if (!slots)
        {
            qemu.Set(
                VhostRequest.SET_MEM_TABLE,
                Messages.Table([.. memory.Select(ram => ram.Layout)]),
                [.. memory.Select(ram => ram.File)]);
            return;
        }

        foreach (GuestRam ram in memory)
        {
            if (qemu.Rig.Regions.Contains(ram.Layout))
            {
                qemu.Set(VhostRequest.REM_MEM_REG, Messages.SingleRegion(ram.Layout));
            }

            qemu.Set(VhostRequest.ADD_MEM_REG, Messages.SingleRegion(ram.Layout), ram.File);
        }
    }

    private static ScriptedFrontEnd CloudHypervisor(SessionRig rig, int pairs, out GuestRam ram)
    {
        const ulong Known = ProtocolFeatures.MQ | ProtocolFeatures.CONFIGURE_MEM_SLOTS | ProtocolFeatures.REPLY_ACK |
            ProtocolFeatures.INFLIGHT_SHMFD | ProtocolFeatures.LOG_SHMFD | ProtocolFeatures.DEVICE_STATE |
            ProtocolFeatures.CONFIG | ProtocolFeatures.BACKEND_REQ;
        var clh = new ScriptedFrontEnd(rig, pairs, _ => true);
        GuestRam memory = ram = rig.Own(new GuestRam());
        clh.Set(VhostRequest.SET_OWNER);
        clh.Get(VhostRequest.GET_FEATURES);
        clh.NegotiateProtocol(Known);
        Assert.InRange(clh.Get(VhostRequest.GET_QUEUE_NUM).Number, (ulong)clh.Rings, 256UL); // it counts rings
        clh.Get(VhostRequest.GET_CONFIG, Messages.Config(0, 24, 1, new byte[24]));
        clh.Set(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features));
        clh.Set(VhostRequest.SET_MEM_TABLE, Messages.Table(ram.Layout), ram.File);
        ForEachRing(clh, ring => clh.SetUpRing(memory, ring, "N"));
        byte[] shape = Messages.Payload(
            new InflightPayload(0, 0, (ushort)clh.Rings, (ushort)ScriptedFrontEnd.QueueSize, 0));
        Reply region = clh.Get(VhostRequest.GET_INFLIGHT_FD, shape);
        clh.Set(VhostRequest.SET_INFLIGHT_FD, region.Payload, region.Descriptors);
        ForEachRing(clh, ring => clh.SetUpRing(memory, ring, "ABCK"));
        ForEachRing(clh, ring => clh.Enable(ring, true));
        SetBackendChannel(clh);
        clh.AssertRunning();
        return clh;
    }

    private static void SetBackendChannel(ScriptedFrontEnd frontEnd)
    {
        (UnixStreamSocket ours, UnixStreamSocket theirs) = UnixStreamSocket.SocketPair();
        frontEnd.Rig.Own(ours);
        frontEnd.Rig.Watch.Add(theirs.Descriptor);
        frontEnd.Set(VhostRequest.SET_BACKEND_REQ_FD, [], theirs.Descriptor);
        theirs.Dispose();
    }

    private static void ForEachRing(ScriptedFrontEnd frontEnd, Action<int> action)
    {
        for (int ring = 0; ring < frontEnd.Rings; ring++)
        {
            action(ring);
        }
    }
}
