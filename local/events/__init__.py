"""What Lambda's event sources do: streams are pumped, queues polled, schedules kept."""
