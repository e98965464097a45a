namespace Nf.DataPlane.Tests.Workers;

// What a spare life does before its turn.
public class WarmUpTests
{
    [Fact]
    [Trait("Tier", "kernel")]
    public void Exercise_AnyTime_SendsBurstsThroughBothKindsOfRing() =>
        Assert.InRange(WarmUp.Exercise(), 2000u * 32, 2000u * 64);
}
