"""One file per topic: its pictures, section, headline numbers and findings. No topic imports another."""
