namespace Nf.Service.Tests;

public sealed class OperationGateTests
{
    private readonly OperationGate _gate = new();

    [Fact]
    public async Task EnterAlone_WithARequestInside_WaitsAndKeepsOthersOut()
    {
        IDisposable request = await _gate.EnterRequestAsync(CancellationToken.None).InTimeAsync();
        Task<IDisposable> alone = _gate.EnterAloneAsync(CancellationToken.None);
        Task<IDisposable> late = _gate.EnterRequestAsync(CancellationToken.None);
        Assert.False(alone.IsCompleted || late.IsCompleted);

        request.Dispose();
        IDisposable inside = await alone.InTimeAsync();
        Assert.False(late.IsCompleted);

        inside.Dispose();
        (await late.InTimeAsync()).Dispose();
    }

    [Fact]
    public async Task EnterAlone_GivenUp_LetsRequestsIn()
    {
        using var cancel = new CancellationTokenSource();
        IDisposable request = await _gate.EnterRequestAsync(CancellationToken.None).InTimeAsync();
        Task<IDisposable> alone = _gate.EnterAloneAsync(cancel.Token);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => alone.InTimeAsync());
        (await _gate.EnterRequestAsync(CancellationToken.None).InTimeAsync()).Dispose();
        request.Dispose();
    }

    [Fact]
    public async Task EnterName_Twice_IsOneAfterTheOther()
    {
        var name = ResourceName.Parse("a");
        IDisposable first = await _gate.EnterNameAsync("umem", name, CancellationToken.None).InTimeAsync();
        Task<IDisposable> second = _gate.EnterNameAsync("umem", name, CancellationToken.None);
        (await _gate.EnterNameAsync("link", name, CancellationToken.None).InTimeAsync()).Dispose();
        Assert.False(second.IsCompleted);

        first.Dispose();
        first.Dispose();

        (await second.InTimeAsync()).Dispose();
    }
}
