namespace Nf.SharedMemory.Store;

/// <summary>The store could not do what was asked, or was sent something that breaks its rules.</summary>
public sealed class StoreException : Exception
{
    /// <param name="message">What is wrong: the thing, its value and the rule.</param>
    public StoreException(string message)
        : base(message)
    {
    }

    /// <param name="message">What is wrong.</param>
    /// <param name="innerException">What caused it.</param>
    public StoreException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Without a message, which nobody here does.</summary>
    public StoreException()
    {
    }
}
