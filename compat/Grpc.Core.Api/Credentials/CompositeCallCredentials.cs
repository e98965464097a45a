namespace Grpc.Core;

/// <summary>Several credentials that all apply.</summary>
internal sealed class CompositeCallCredentials : CallCredentials
{
    private readonly IReadOnlyList<CallCredentials> _credentials;

    internal CompositeCallCredentials(IReadOnlyList<CallCredentials> credentials)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(credentials.Count, 2, nameof(credentials));
        _credentials = credentials;
    }

    public override void InternalPopulateConfiguration(CallCredentialsConfiguratorBase configurator, object? state) =>
        configurator.SetCompositeCredentials(state, _credentials);
}
