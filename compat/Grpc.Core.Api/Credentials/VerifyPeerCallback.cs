namespace Grpc.Core;

/// <summary>A last word on the server's certificate; false refuses it.</summary>
public delegate bool VerifyPeerCallback(VerifyPeerContext context);
