namespace Nf.DataPlane.Vhost.Protocol;

/// <summary>What we ask a front-end on the back-end channel, spelled as in the specification
/// (VHOST_USER_BACKEND_…).</summary>
internal enum BackendRequest : uint
{
    CONFIG_CHANGE_MSG = 2,
}
