using Nf.V1;

namespace Nf.DataPlane.Tests.Control.Vhost;

/// <summary>What a person is told of a guest that misbehaves.</summary>
public sealed class VhostDiagnosisTests : IDisposable
{
    private readonly VhostRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Diagnosis_BufferOutsideMemory_NamesRingRuleAndAddress()
    {
        using ScriptedFrontEnd guest = Guest("v");
        _rig.Link("l", "v", "v");

        guest.Rings[1].LieAboutBuffer(0x9f00_0000, 1514);
        _rig.Until(() => Ring(1).BadChains == 1, "the chain to be refused");

        const string Chain =
            "chain 0: a buffer (0x9f000000, 1514 bytes) is not in the memory that the front-end shared";
        Assert.Equal(Chain, Ring(1).LastBadChain);
        AssertSays($"ring 1 (from the guest): 1 chains broke a rule and went back unused; the last, {Chain}");
        AssertSays("pair 0: 1 frames of the guest were dropped (bad_chain): a chain breaks a rule");
        Assert.Equal("", Ring(0).LastBadChain);
    }

    [Fact]
    public void Diagnosis_FrameTooShort_SaysSo()
    {
        using ScriptedFrontEnd guest = Guest("v");
        _rig.Link("l", "v", "v");

        Assert.True(guest.Rings[1].TrySend(new byte[10]));

        _rig.Until(() => Says("(too_short): they are shorter than a header and 14 bytes"), "the frame to be dropped");
    }

    // The drop is counted at the port of the sender; it is told of both.
    [Fact]
    public void Diagnosis_GuestWithoutBuffers_IsToldAtBothEnds()
    {
        _rig.Create("v");
        using ScriptedFrontEnd guest = _rig.Start("v");
        using ScriptedFrontEnd sender = Guest("sender");
        _rig.Link("l", "v", "sender");

        Assert.True(sender.Rings[1].TrySend(VhostRig.Frame(1)));

        _rig.Until(
            () => Says("1 frames for the guest were dropped (no_guest_buffer): it had no buffer free"),
            "the frame to be dropped");
        Assert.Contains(
            _rig.Status("sender").Diagnosis,
            line => line.Contains("(no_guest_buffer): the guest at the other end", StringComparison.Ordinal));
    }

    private ScriptedFrontEnd Guest(string name)
    {
        _rig.Create(name);
        ScriptedFrontEnd frontEnd = _rig.Start(name);
        frontEnd.Rings[0].Fill();
        return frontEnd;
    }

    private VhostRing Ring(int index) => _rig.Status("v").Rings.Single(ring => ring.Index == (uint)index);

    private void AssertSays(string sentence) => Assert.Contains(sentence, _rig.Status("v").Diagnosis);

    private bool Says(string part) =>
        _rig.Status("v").Diagnosis.Any(line => line.Contains(part, StringComparison.Ordinal));
}
