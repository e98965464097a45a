using Nf.Linux;

namespace Nf.Client;

/// <summary>The broker refused a request, or is gone.</summary>
/// <param name="errno">Its answer: EACCES by the policy, EBUSY for a queue that is taken, EINVAL, EAGAIN for a rate;
/// ECONNRESET when it is gone, or the request with a life of the data plane.</param>
/// <param name="message">Field, value and rule, in the broker's words.</param>
public sealed class BrokerException(Errno errno, string message) : IOException($"{message} ({errno})", (int)errno)
{
    /// <summary>Why.</summary>
    public Errno Errno { get; } = errno;
}
